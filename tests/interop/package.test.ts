/**
 * What `npm run package` makes: the npm package installs beside nothing else and serves; the Debian package is installed
 * by dpkg into a copy of this machine's file system (an overlay that is thrown away), its unit's command line is run as
 * its unit runs it, and a client gets a lease over a cable.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, Netns } from '../lib/netns.js';
import { findPeer, getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { subject } from '../lib/subject.js';

/** Installs a package in a copy of the system, prepares a configuration and becomes what the unit would run. */
const INSTALL_AND_RUN = `
set -e
top=$1 package=$2
mount -t tmpfs none "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root"
root=$top/root
cp "$package" "$root/root/lessor.deb"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs none "$root/run"
# Node.js need not have come from a Debian package here.
chroot "$root" dpkg --install --force-depends /root/lessor.deb
cp "$root/usr/share/doc/lessor/examples/home.json" "$root/etc/lessor/dhcp4.conf"
chroot "$root" chown lessor:lessor /etc/lessor/dhcp4.conf
# The folders systemd makes for the unit.
for folder in run/lessor var/lib/lessor var/log/lessor; do
  mkdir -p -m 0750 "$root/$folder"
  chroot "$root" chown lessor:lessor "/$folder"
done
unit=$root/usr/lib/systemd/system/lessor.service
cd "$root"
exec chroot "$root" /bin/sh -c '
  id lessor; stat -c "%U %a %n" /etc/lessor
  lessor check /etc/lessor/dhcp4.conf
  exec env $(sed -n "s/^Environment=//p" /usr/lib/systemd/system/lessor.service) setpriv \\
    --reuid lessor --regid lessor --clear-groups --no-new-privs --bounding-set -all,+net_bind_service,+net_raw \\
    --inh-caps -all,+net_bind_service,+net_raw --ambient-caps -all,+net_bind_service,+net_raw \\
    $(sed -n "s/^ExecStart=//p" /usr/lib/systemd/system/lessor.service)'
`;

const skip = subject.name === 'kea' ? 'kea: packaged by others' : false;
const needsMachine = skipUnless('setpriv', 'dpkg-deb');

describe('The packages', { skip }, () => {
  const folder = scratchFolder();
  const packages = join(folder, 'packages');
  before(() => {
    const argv = [repoPath('build', 'scripts', 'package.js'), packages];
    const made = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    const paths = made.stdout.trim().split('\n');
    assert.equal(paths.length, findPeer('dpkg-deb') === undefined ? 1 : 2, made.stdout);
  });
  after(() => removeScratch(folder));

  const packageOf = (ending: string): string =>
    join(packages, readdirSync(packages).find((name) => name.endsWith(ending)) ?? `no ${ending}`);

  it('install with npm into an empty folder, with programs that run and a server to import', () => {
    const place = join(folder, 'npm');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{"private": true, "type": "module"}');
    // From the registry comes only what the clone has already: no test needs the network.
    const foreign = ['koffi', join('@koromix', readdirSync(repoPath('node_modules', '@koromix'))[0]!)];
    const given = foreign.map((name) => repoPath('node_modules', name));
    const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional'];
    const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: place, encoding: 'utf8' });
    const installed = run('npm', 'install', ...options, packageOf('.tgz'), ...given);
    assert.equal(installed.status, 0, installed.stderr);
    for (const name of readdirSync(repoPath('packages', 'server', 'bin'))) {
      const { status, stdout, stderr } = run(join(place, 'node_modules', '.bin', name), '--help');
      assert.deepEqual([status, stderr], [0, ''], name);
      assert.match(stdout, /usage/i);
    }
    const program = `
      import { spawnSync } from 'node:child_process';
      import { createServer } from 'lessor';
      const pools = [{ pool: '127.0.0.100 - 127.0.0.110' }];
      const server = await createServer({ config: { subnet4: [{ id: 1, subnet: '127.0.0.0/8', pools }] }, port: 0 });
      console.log(server.address.port > 0, server.leases().length);
      await server.stop();`;
    const embedded = run(process.execPath, '--input-type=module', '--eval', program);
    assert.equal(embedded.stdout, 'true 0\n', embedded.stderr);
  });

  describe('for Debian', { skip: needsMachine }, () => {
    const [near, far] = needsMachine === false ? [Netns.create(), Netns.create()] : [];
    let server: ChildProcess | undefined;
    let said = '';
    after(() => {
      near?.destroy();
      far?.destroy();
    });

    it('installs with dpkg, and its unit serves the example as the user lessor', async () => {
      connect(near!, 'eth0', far!, 'eth0');
      near!.ip('address add 192.0.2.1/24 dev eth0');
      const top = join(folder, 'top');
      mkdirSync(top);
      const argv = ['unshare', '--mount', '/bin/sh', '-c', INSTALL_AND_RUN, 'sh', top, packageOf('.deb')];
      server = near!.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [server.stdout!, server.stderr!]) {
        stream.setEncoding('utf8').on('data', (text) => {
          said += text;
        });
      }
      const lessor = repoPath('packages', 'server', 'bin', 'lessor');
      const get = [
        'client',
        '--interface',
        'eth0',
        '--mac',
        '02:00:00:00:00:01',
        '--steps',
        'discover,request,release',
      ];
      let got = { status: null as number | null, stdout: '' };
      for (let i = 0; i < 100 && got.status !== 0 && server.exitCode === null; i++) {
        got = await far!.run([process.execPath, lessor, ...get, '--json', '--timeout', '1', '--retries', '0']);
        if (got.status !== 0) await sleep(250);
      }
      assert.equal(got.status, 0, said);
      assert.match(got.stdout, /192\.0\.2\.10"/, 'the reserved address of the example');
      assert.match(said, /uid=\d+\(lessor\) gid=\d+\(lessor\)/);
      assert.match(said, /^lessor 750 \/etc\/lessor$/m);
      server.kill('SIGTERM');
      near!.killAll();
    });

    it('says what it is and brings every file its units and pages name', () => {
      const field = (name: string): string =>
        spawnSync(getPeer('dpkg-deb'), ['--field', packageOf('.deb'), name], { encoding: 'utf8' }).stdout.trim();
      assert.equal(field('Version'), JSON.parse(readFileSync(repoPath('package.json'), 'utf8')).version);
      assert.match(field('Depends'), /nodejs \(>= 20\)/);
      const list = spawnSync(getPeer('dpkg-deb'), ['--contents', packageOf('.deb')], { encoding: 'utf8' }).stdout;
      for (const unit of ['lessor.service', 'lessor-agent.service']) {
        const text = readFileSync(repoPath('packaging', 'systemd', unit), 'utf8');
        const named = [/^ExecStart=(\S+)/m, /^Documentation=file:\/\/(\S+)/m].map((line) => line.exec(text)![1]!);
        for (const path of [...named, `/usr/lib/systemd/system/${unit}`]) {
          assert.ok(list.includes(` .${path}`), `${path} of ${unit}`);
        }
      }
      assert.doesNotMatch(list, /\.map$|\.tsbuildinfo$/m);
      for (const line of list.trim().split('\n')) {
        assert.match(line, /^[-dl]rw.r[-w].r[-w]. root\/root /, line);
      }
    });
  });
});
