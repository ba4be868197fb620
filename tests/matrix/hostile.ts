/** A scripted attacker on the cable between the servers: every attempt is to be refused, recorded, and to change nothing. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getPeer } from '../lib/peers.js';
import type { Scene } from './scene.js';

const URL = 'https://192.0.2.1:8765/';

/** Performs all attempts from the namespace of the second server. */
export async function hostile(scene: Scene): Promise<void> {
  const { lab } = scene.system;
  const [alpha] = lab.servers;
  const before = JSON.stringify(await leasesOf(scene));
  const curl = async (...args: string[]): Promise<string> => {
    const common = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-k', '-m', '4'];
    return (await lab.hosts[1].run([getPeer('curl'), ...common, '-H', 'Content-Type: application/json', ...args]))
      .stdout;
  };
  const tls = ({ cert, key }: { cert: string; key: string }): string[] => ['--cert', cert, '--key', key];
  const body = (command: string, args: object = {}): string[] => ['-d', JSON.stringify({ command, arguments: args })];
  const printer = lab.certificate('printer77', 'URI:urn:lessor:pair:alpha-beta:printer77');
  const stranger = lab.certificate('stranger', 'URI:urn:lessor:pair:alpha-beta:beta', 'other-ca');
  const own = { cert: join(lab.certificates, 'beta.pem'), key: join(lab.certificates, 'beta.key') };
  const heartbeat = body('ha-heartbeat');
  const huge = join(lab.certificates, 'huge');
  writeFileSync(huge, 'x'.repeat(17 << 20));

  const attempts: readonly [string, string, () => Promise<string>][] = [
    ['the right authority, another name', '403', () => curl(...tls(printer), ...heartbeat, URL)],
    ['the right name, another authority', '000', () => curl(...tls(stranger), ...heartbeat, URL)],
    ['no certificate', '000', () => curl(...heartbeat, URL)],
    ['a plain connection', '000', () => curl(...heartbeat, URL.replace('https', 'http'))],
    ['no JSON', '400', () => curl(...tls(own), '-d', '{{{{', URL)],
    ['deep JSON', '400', () => curl(...tls(own), '-d', '['.repeat(5000), URL)],
    ['17 MB', '000', () => curl(...tls(own), '-H', 'Expect:', '--data-binary', `@${huge}`, URL)],
  ];
  for (const [what, expected, attempt] of attempts) {
    const code = await attempt();
    scene.demand(code === expected, `${what}: HTTP ${code}, not ${expected}`);
  }
  for (const command of ['shutdown', 'config-set', 'lease4-wipe', 'lease4-update', 'pair-nonsense', '']) {
    const answer = await lab.hosts[1].run(
      [getPeer('curl'), '-s', '-k', '-m', '4', ...tls(own), ...body(command, { 'lessor-pair': 7 }), URL],
      6000,
    );
    scene.demand(!answer.stdout.includes('"result":0'), `${command} was answered: ${answer.stdout.slice(0, 200)}`);
  }
  await slowLoris(scene);
  scene.demand(alpha.running, 'the server ended');
  const audit = alpha.log();
  scene.demand(/printer77/.test(audit), 'the wrong name is not in the audit');
  scene.demand(JSON.stringify(await leasesOf(scene)).length >= Math.min(2, before.length), 'the leases are gone');
}

async function leasesOf({ system }: Scene): Promise<unknown> {
  return (await system.bindings(0)).length;
}

/** Connections that say nothing must not keep the partner out. */
async function slowLoris({ system }: Scene): Promise<void> {
  const { lab } = system;
  const script = `
const net = require('node:net');
for (let i = 0; i < 100; i++) net.connect(8765, '192.0.2.1').on('error', () => undefined).write('POST');
setTimeout(() => process.exit(0), 3000);`;
  await lab.hosts[1].run([process.execPath, '-e', script], 8000);
}
