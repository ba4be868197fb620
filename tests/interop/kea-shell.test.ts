/** Kea's own command line client against the subject's HTTP control channel. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';

/** What each command must answer: a part of kea-shell's output. */
const COMMANDS: readonly (readonly [command: string, args: string, expected: RegExp])[] = [
  ['list-commands', '', /"config-get".*"lease4-get-all"/s],
  ['version-get', '', /"result": 0/],
  ['status-get', '', /"pid": \d+/],
  ['statistic-get', '"name": "pkt4-received"', /"pkt4-received": \[/],
  ['lease4-get', '"ip-address": "10.9.0.77"', /"result": 3/],
  ['no-such-command', '', /"result": 2/],
];

const skip =
  subject.skipReason() || skipUnless('kea-shell') || (subject.name === 'kea' && 'kea: 2.2 needs its agent for HTTP');

describe('kea-shell', { skip }, () => {
  let host: Netns;
  let server: Server;
  before(async () => {
    host = Netns.create();
    connect(host, 'lan0', host, 'lan1');
    host.ip('address add 10.9.0.1/24 dev lan0');
    server = new Server(host);
    const unix = (server.complete({}).Dhcp4['control-sockets'] as unknown[])[0];
    server.configure({
      'control-sockets': [unix, { 'socket-type': 'http', 'socket-address': '127.0.0.1', 'socket-port': 8000 }],
      subnet4: [{ id: 9, subnet: '10.9.0.0/24', pools: [{ pool: '10.9.0.50 - 10.9.0.99' }] }],
    });
    await server.start();
  });
  after(async () => {
    await server?.close();
    host?.destroy();
  });

  for (const [command, args, expected] of COMMANDS) {
    test(command, async () => {
      const shell = `printf '%s' '${args}' | ${getPeer('kea-shell')} --host 127.0.0.1 --port 8000 ${command}`;
      const { status, stdout } = await host.run(['/bin/sh', '-c', shell]);
      assert.match(stdout, expected);
      assert.equal(status, 0);
    });
  }
});
