#!/usr/bin/env node
/**
 * Makes a clone ready to run: `npm ci` if the installed packages are not those of package-lock.json, then `tsc -b`.
 * With --peers also the programs the interoperability tests run against, by apt, when root on a Debian.
 * Quiet unless something is done.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = 20;

/** Debian packages of the peers, each with a file that only it brings. */
const PEERS = [
  ['kea-dhcp4-server', '/usr/sbin/kea-dhcp4'],
  ['kea-common', '/usr/sbin/kea-lfc'],
  ['kea-admin', '/usr/sbin/perfdhcp'],
  ['kea-ctrl-agent', '/usr/sbin/kea-shell'],
  ['kea-dhcp-ddns-server', '/usr/sbin/kea-dhcp-ddns'],
  ['bind9', '/usr/sbin/named'],
  ['bind9-dnsutils', '/usr/bin/dig'],
  ['isc-dhcp-server', '/usr/sbin/dhcpd'],
  ['isc-dhcp-client', '/sbin/dhclient'],
  ['isc-dhcp-relay', '/usr/sbin/dhcrelay'],
  ['udhcpc', '/sbin/udhcpc'],
  ['busybox', '/bin/busybox'],
  ['dhcpcd-base', '/sbin/dhcpcd'],
  ['dnsmasq-base', '/usr/sbin/dnsmasq'],
  ['python3-pypureomapi', '/usr/share/doc/python3-pypureomapi'],
  ['python3-scapy', '/usr/share/doc/python3-scapy'],
  ['tshark', '/usr/bin/tshark'],
  ['iproute2', '/bin/ip'],
  ['iputils-ping', '/bin/ping'],
  ['strace', '/usr/bin/strace'],
  ['faketime', '/usr/bin/faketime'],
  ['socat', '/usr/bin/socat'],
  ['nftables', '/usr/sbin/nft'],
  ['curl', '/usr/bin/curl'],
  ['openipmi', '/usr/bin/ipmi_sim'],
  ['ipmitool', '/usr/bin/ipmitool'],
  ['systemd', '/usr/bin/systemd-analyze'],
  ['python3-seccomp', '/usr/share/doc/python3-seccomp'],
];

/** While packages are installed, nothing they bring may start: a DHCP server on a build machine is an accident. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function mustRun(what, command, args) {
  if (run(command, args)) return;
  console.error(`bootstrap: ${what} failed (${command} ${args.join(' ')})`);
  process.exit(1);
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= OLDEST_NODE) return;
  console.error(`bootstrap: Node.js ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}`);
  process.exit(1);
}

/** node_modules matches package-lock.json if the hash of the lock file is the one noted after the last `npm ci`. */
function installPackages() {
  const stampFile = join(root, 'node_modules', '.bootstrap-stamp');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  console.log('bootstrap: installing packages (npm ci)');
  // No package of ours needs an install script: the native parts come prebuilt.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!run('npm', ['ci', ...options], { stdio: ['ignore', 'inherit', 'pipe'] })) {
    // A registry that lacks binaries for other systems makes `npm ci` find the lock file incomplete.
    console.log('bootstrap: npm ci failed, trying npm install (the versions are still those of the lock file)');
    mustRun('installing packages', 'npm', ['install', '--no-save', ...options]);
  }
  writeFileSync(stampFile, wanted);
}

function build() {
  mustRun('the build', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);
}

function exists(path) {
  // Since the /usr merge the same program may be under /bin or /usr/bin.
  return [path, join('/usr', path)].some((candidate) => {
    try {
      accessSync(candidate);
      return true;
    } catch {
      return false;
    }
  });
}

function installPeers() {
  const missing = PEERS.filter(([, file]) => !exists(file)).map(([name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !exists('/usr/bin/apt-get')) {
    console.log(`bootstrap: these peers of the tests are missing and can not be installed here: ${missing.join(', ')}`);
    return;
  }
  console.log(`bootstrap: installing the peers of the tests (apt-get install ${missing.join(' ')})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  const policyIsOurs = !existsSync(POLICY_FILE);
  if (policyIsOurs) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    run('apt-get', ['update', '-qq'], options);
    const install = (names) => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], options);
    // One name that this release does not have must not keep the others away.
    if (!install(missing)) for (const name of missing) install([name]);
  } finally {
    if (policyIsOurs) rmSync(POLICY_FILE, { force: true });
  }
  const still = PEERS.filter(([, file]) => !exists(file)).map(([name]) => name);
  if (still.length > 0) console.log(`bootstrap: still missing: ${still.join(', ')}`);
}

checkNode();
installPackages();
build();
if (process.argv.includes('--peers')) installPeers();
