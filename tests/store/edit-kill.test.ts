/** A server killed with SIGKILL has every host it acknowledged, made over OMAPI or by Kea's commands. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { extname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OmapiClient } from '@lessor/omapi';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { KEY, omapiBlock } from '../unit/omapi-server-lab.js';

const extension = extname(import.meta.url);
const CHILD = fileURLToPath(new URL(`./edit-kill-child${extension}`, import.meta.url));
const LOADER = extension === '.ts' ? ['--import', 'tsx'] : [];
const ROUNDS = Number(process.env.LESSOR_KILL_ROUNDS ?? 3);
const CLIENTS = 6;

interface Child {
  readonly process: ChildProcess;
  readonly port: number;
}

async function start(folder: string): Promise<Child> {
  const child = spawn(process.execPath, [...LOADER, CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(() => assert.fail('the child did not start'));
  const [said] = await Promise.race([once(child.stdout!, 'data'), ended]);
  return { process: child, port: Number(String(said).trim()) };
}

async function kill({ process: child }: Child): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

function macOf(n: number): string {
  return `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
}

function addressOf(n: number): string {
  return `10.77.${n >> 8}.${n & 255}`;
}

/** True if Kea's side has acknowledged the reservation. */
function reserve(folder: string, n: number): Promise<boolean> {
  return new Promise((resolve) => {
    const reservation = { 'subnet-id': 1, 'hw-address': macOf(n), 'ip-address': addressOf(n) };
    const socket = createConnection(join(folder, 'ctrl'));
    let said = '';
    socket.on('data', (octets: Buffer) => {
      said += octets.toString();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(/"result": 0/.test(said)));
    socket.end(JSON.stringify({ command: 'reservation-add', arguments: { reservation } }));
  });
}

/** Makes hosts from several clients until `wanted` are acknowledged, then kills; the numbers of those. */
async function makeAndKill(child: Child, folder: string, first: number, wanted: number): Promise<number[]> {
  const made: number[] = [];
  let next = first;
  let killed: Promise<void> | undefined;
  const done = (n: number): void => {
    made.push(n);
    if (made.length >= wanted) killed ??= kill(child);
  };
  const overOmapi = async (): Promise<void> => {
    const client = new OmapiClient({ host: '127.0.0.1', port: child.port, key: KEY });
    try {
      while (killed === undefined) {
        const n = next++;
        await client.createHost({ name: `h${n}`, hardwareAddress: macOf(n), ipAddress: addressOf(n) });
        done(n);
      }
    } catch (error) {
      assert.ok(killed !== undefined, String(error));
    } finally {
      client.close();
    }
  };
  const overKea = async (): Promise<void> => {
    while (killed === undefined) {
      const n = next++;
      if (await reserve(folder, n)) done(n);
    }
  };
  await Promise.all([...Array.from({ length: CLIENTS }, overOmapi), overKea()]);
  await killed;
  return made;
}

it('no acknowledged host is lost by SIGKILL', async () => {
  const folder = scratchFolder();
  chmodSync(folder, 0o750);
  const config = join(folder, 'dhcp4.conf');
  const written = {
    'interfaces-config': { interfaces: [] },
    'lease-database': { type: 'memfile', persist: true, name: 'leases.csv' },
    'control-socket': { 'socket-type': 'unix', 'socket-name': join(folder, 'ctrl') },
    subnet4: [{ id: 1, subnet: '10.77.0.0/16' }],
    'user-context': { lessor: { omapi: omapiBlock([{ ...KEY, rights: ['read', 'hosts'] }]) } },
  };
  writeFileSync(config, `// by hand\n${JSON.stringify({ Dhcp4: written }, undefined, 2)}\n`);
  try {
    const made: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const child = await start(folder);
      made.push(...(await makeAndKill(child, folder, 1 + round * 5000, 150 + 97 * round)));
      assert.match(
        readFileSync(join(folder, 'dhcp4.conf.edits'), 'latin1'),
        /h\d+/,
        'killed with changes in the journal',
      );
    }
    const child = await start(folder);
    const client = new OmapiClient({ host: '127.0.0.1', port: child.port, key: KEY });
    for (const n of made) {
      const found = await client.open('host', { hardwareAddress: macOf(n) });
      assert.deepEqual(found.values.ipAddress, [addressOf(n)], `host ${n}`);
    }
    client.close();
    const text = readFileSync(config, 'latin1');
    for (const n of made) assert.ok(text.includes(`"${addressOf(n)}"`), `host ${n} in the file`);
    assert.match(text, /^\/\/ by hand\n/);
    await kill(child);
  } finally {
    removeScratch(folder);
  }
});
