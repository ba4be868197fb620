/**
 * Paths and names of code given over the API of a real server that runs without -X: nothing is written outside its
 * directories, no file in them is replaced that is something else, nothing is loaded and nothing executed.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { here } from '../lib/netns.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { type CommandAnswer, Server } from '../lib/server.js';
import { SUBJECTS, subject } from '../lib/subject.js';

const skip = subject.name === 'kea' ? 'kea: another test' : false;

const DHCP4 = { subnet4: [{ id: 1, subnet: '192.0.2.0/24' }] };

describe('Paths given over the API', { skip }, () => {
  const outside = scratchFolder();
  let server: Server;
  let data: string;

  before(async () => {
    const strict = {
      ...SUBJECTS.lessor,
      command: (file: string) => [process.execPath, repoPath('packages', 'server', 'bin', 'kea-dhcp4'), '-c', file],
    };
    server = new Server(here, { subject: strict, interfaces: [] });
    data = join(server.folder, 'data');
    server.configure(DHCP4);
    await server.start();
    symlinkSync(outside, join(data, 'link'));
    symlinkSync(outside, join(server.folder, 'link'));
  });
  after(async () => {
    await server?.close();
    removeScratch(outside);
  });

  /** Ways to say a file of the folder outside, from a directory. */
  const ways = (from: string): string[] => [
    join(outside, 'x'),
    relative(from, join(outside, 'x')),
    `${from}/../${basename(from)}/${relative(from, join(outside, 'x'))}`,
    'link/x',
    `${from}/link/x`,
    `${from}/./link/x`,
    `${outside}/x\0`,
    `${from}/..`,
    '..',
    '/dev/full',
    '/proc/self/mem',
    '%2e%2e/x',
  ];

  /** Refused, and nothing outside came of it. */
  async function refused(name: string, args: Readonly<Record<string, unknown>>): Promise<CommandAnswer> {
    const answer = await server.command(name, args);
    assert.deepEqual(readdirSync(outside), [], `${name} ${JSON.stringify(args)}`);
    return answer;
  }

  for (const [command, from] of [
    ['config-write', () => server.folder],
    ['lease4-write', () => data],
  ] as const) {
    it(`lead ${command} nowhere else`, async () => {
      for (const filename of ways(from())) {
        const { result, text } = await refused(command, { filename });
        assert.equal(result, 1, `${filename}: ${text}`);
      }
      // What is allowed is.
      assert.equal((await server.command(command, { filename: 'there.json' })).result, 0);
      assert.ok(existsSync(join(from(), 'there.json')));
    });
  }

  it('put no configuration and no leases in the place of something else', async () => {
    writeFileSync(join(server.folder, 'admin.password'), 'secret\n');
    writeFileSync(join(data, 'pair.state'), 'state\n');
    const password = await server.command('config-write', { filename: 'admin.password' });
    assert.match(password.text ?? '', /is there and is no configuration/);
    const state = await server.command('lease4-write', { filename: 'pair.state' });
    assert.match(state.text ?? '', /is there and is no lease file/);
    for (const suffix of ['1', '2', 'completed', 'output', 'lock']) {
      const { text = '' } = await server.command('lease4-write', { filename: `kea-leases4.csv.${suffix}` });
      assert.match(text, /belongs to the lease file in use/);
    }
    assert.equal(readFileSync(join(server.folder, 'admin.password'), 'utf8'), 'secret\n');
    assert.equal(readFileSync(join(data, 'pair.state'), 'utf8'), 'state\n');
  });

  it('lead no part of a configuration anywhere else', async () => {
    mkdirSync(join(outside, 'd'));
    const whole = server.complete(DHCP4).Dhcp4;
    const target = join(outside, 'd', 'x');
    const logger = { name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: target }] };
    const parts: Readonly<Record<string, unknown>> = {
      'lease-database': { type: 'memfile', persist: true, name: target },
      loggers: [logger],
      'control-sockets': [{ 'socket-type': 'unix', 'socket-name': target }],
      'user-context': { lessor: { access: { audit: { file: target } } } },
      'data-directory': join(outside, 'd'),
    };
    for (const [member, value] of Object.entries(parts)) {
      for (const command of ['config-test', 'config-set', 'config-plan']) {
        const { result, text } = await server.command(command, { Dhcp4: { ...whole, [member]: value } });
        assert.equal(result, 1, `${command} ${member}: ${text}`);
      }
      assert.deepEqual(readdirSync(join(outside, 'd')), [], member);
    }
  });

  it('load no code and start no program', async () => {
    const whole = server.complete(DHCP4).Dhcp4;
    const library = join(outside, 'd', 'libdhcp_lease_cmds.so');
    const script = join(outside, 'd', 'script');
    writeFileSync(library, 'no code');
    writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
    const hooks = '/usr/lib/x86_64-linux-gnu/kea/hooks';
    const set = (one: object) => server.command('config-set', { Dhcp4: { ...whole, 'hooks-libraries': [one] } });
    const ran = await set({ library: `${hooks}/libdhcp_run_script.so`, parameters: { name: script } });
    assert.equal(ran.result, 1, ran.text);
    // A library of a name that is known stands for what is built in: the file is not looked at, whatever it is.
    for (const known of [library, `${hooks}/../../../../..${library}`])
      assert.equal((await set({ library: known })).result, 0);
    const unknown = await set({ library: join(outside, 'd', 'libevil.so') });
    assert.equal(unknown.result, 1, unknown.text);
    assert.doesNotMatch(readFileSync(`/proc/${server.pid}/maps`, 'latin1'), /libdhcp_/);
    assert.equal(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'latin1'), '');
  });
});
