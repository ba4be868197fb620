/**
 * The programs the interoperability tests run against: where they are, and what to say when one is not there.
 *
 * A test that can not run skips with one of two sentences and no other, so that CI can tell them from a test that
 * was forgotten: `peer missing: NAME (apt install PACKAGE)` and `needs root for network namespaces`.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Skip reason of every test that makes network namespaces, when not run as root. */
export const NEEDS_ROOT = 'needs root for network namespaces';

/** Each program: the Debian package it comes from. */
const PACKAGE_OF = {
  ip: 'iproute2',
  python3: 'python3',
  ping: 'iputils-ping',
  curl: 'curl',
  socat: 'socat',
  openssl: 'openssl',
  nft: 'nftables',
  tc: 'iproute2',
  strace: 'strace',
  faketime: 'faketime',
  setpriv: 'util-linux',
  dhclient: 'isc-dhcp-client',
  dhcrelay: 'isc-dhcp-relay',
  dhcpd: 'isc-dhcp-server',
  omshell: 'isc-dhcp-server',
  dhcpcd: 'dhcpcd-base',
  udhcpc: 'udhcpc',
  busybox: 'busybox',
  'kea-dhcp4': 'kea-dhcp4-server',
  'kea-dhcp-ddns': 'kea-dhcp-ddns-server',
  'kea-lfc': 'kea-common',
  'kea-shell': 'kea-ctrl-agent',
  'kea-ctrl-agent': 'kea-ctrl-agent',
  perfdhcp: 'kea-admin',
  named: 'bind9',
  dig: 'bind9-dnsutils',
  ipmi_sim: 'openipmi',
  ipmitool: 'ipmitool',
  scapy: 'python3-scapy',
  seccomp: 'python3-seccomp',
  'systemd-analyze': 'systemd',
  'dpkg-deb': 'dpkg',
} as const;

/** Name of a program (or Python module) the tests know how to use. */
export type PeerName = keyof typeof PACKAGE_OF;

/** Root's search path, whatever the caller's is: Debian keeps daemons out of an ordinary user's PATH. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

const found = new Map<PeerName, string | undefined>();

function lookUp(name: PeerName): string | undefined {
  if (name === 'scapy' || name === 'seccomp') {
    const python = spawnSync('/usr/bin/python3', ['-c', `import ${name}`]);
    return python.status === 0 ? '/usr/bin/python3' : undefined;
  }
  for (const folder of name === 'python3' ? ['/usr/bin'] : FOLDERS) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** Absolute path of a peer's program (for `scapy` and `seccomp`: of the Python that has it), or undefined if it is not installed. */
export function findPeer(name: PeerName): string | undefined {
  if (!found.has(name)) found.set(name, lookUp(name));
  return found.get(name);
}

/** Absolute path of a peer's program. @throws Error with the skip reason if it is not installed. */
export function getPeer(name: PeerName): string {
  const path = findPeer(name);
  if (path === undefined) throw new Error(missing(name));
  return path;
}

function missing(name: PeerName): string {
  return `peer missing: ${name} (apt install ${PACKAGE_OF[name]})`;
}

/**
 * Why a test that needs these peers and network namespaces can not run here, or false if it can: the value of
 * node:test's `skip` option.
 */
export function skipUnless(...peers: PeerName[]): string | false {
  if (process.getuid?.() !== 0) return NEEDS_ROOT;
  for (const name of ['ip', ...peers] as PeerName[]) {
    if (findPeer(name) === undefined) return missing(name);
  }
  return false;
}
