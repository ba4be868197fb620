/**
 * lessor-omshell beside the real omshell, each with a dhcpd of its own in the same state: what they print, complain of and
 * do to the server must be the same to the octet.
 */

import assert from 'node:assert/strict';
import { accessSync } from 'node:fs';
import { Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { runOmshellLines } from 'lessor/internal/cli/omshell/program.js';
import { Omshell, readLines } from 'lessor/internal/cli/omshell/shell.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { type LabDhcpd, type LabKey, OmapiLab } from './omapi-dhcpd.js';

const OMSHELL = '/usr/bin/omshell';

function skip(): string | false {
  try {
    accessSync(OMSHELL);
  } catch {
    return 'peer missing: omshell (apt install isc-dhcp-server)';
  }
  return skipUnless('dhcpd');
}

const KEY: LabKey = {
  name: 'omapi_key',
  algorithm: 'hmac-sha256',
  secret: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
};

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('latin1');
    done();
  }
}

async function* octets(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'latin1');
}

/** Our shell, in this process. */
async function runOurs(input: string): Promise<Printed> {
  const [stdout, stderr] = [new Collector(), new Collector()];
  await runOmshellLines(new Omshell(), readLines(octets(input)), { stdout, stderr, env: {} });
  return { stdout: stdout.text, stderr: stderr.text };
}

/** Sessions as programs and people type them. `PORT` stands for the server's port. */
const SESSIONS: Readonly<Record<string, string>> = {
  'Foreman adds and removes a host': `
key omapi_key "${KEY.secret}"
key-algorithm hmac-sha256
server 127.0.0.1
port PORT
connect
new host
set name = "web1.example.org"
set ip-address = 10.77.0.61
set hardware-address = 02:00:00:00:06:01
set hardware-type = 1
set statements = "filename = \\"pxelinux.0\\"; next-server = 0a:4d:00:09; option host-name = \\"web1\\";"
create
close
new host
set hardware-address = 02:00:00:00:06:01
open
remove
`,
  'MAAS creates, nullifies and removes': `
server 127.0.0.1
port PORT
key omapi_key ${KEY.secret}
key-algorithm hmac-sha256
connect
new host
set ip-address = 10.77.0.62
set hardware-address = 02:00:00:00:06:02
set hardware-type = 1
set name = "02-00-00-00-06-02"
create
create
close
new lease
set ip-address = 10.77.0.100
open
set ends = 00:00:00:00
update
refresh
close
new host
set name = "02-00-00-00-06-02"
open
remove
`,
  'xCAT, a batch': `
port PORT
key omapi_key ${KEY.secret}
key-algorithm hmac-sha256
connect
new host
set name = "node01"
open
remove
close
new host
set name = "node01"
set hardware-address = 02:00:00:00:06:03
set hardware-type = 1
set ip-address = 10.77.0.63
set statements = "ddns-hostname \\"node01\\"; send host-name \\"node01\\";"
create
close
`,
  'every object, every refusal': `
port PORT
key omapi_key ${KEY.secret}
key-algorithm HMAC-SHA256
connect
new control
open
close
new group
set name = "lab"
set statements = "option domain-name \\"lab.example\\";"
create
set name = "other"
update
close
new class
set name = "limited"
open
close
new subclass
set name = "printers"
set hashstring = 01:02:00:00:00:00:cc
create
remove
new interface
set name = "d0"
open
close
new failover-state
set name = "fo"
open
close
new lease
set hardware-address = 02:00:00:00:01:08
open
set hardware-address = 02:00:00:00:01:02
open
set state = free
set state = 4
update
set starts = 1
update
unset nothing
refresh
remove
close
new host
set name = "alpha"
set hardware-address = 2:0:0:0:0:2
open
unset hardware-address
unset name
set name = "alpha"
open
set nonsense = "x"
update
disconnect
open
connect
refresh
close
`,
  'wrong secret': `
port PORT
key omapi_key d3Jvbmc=
key-algorithm hmac-sha256
connect
new lease
set ip-address = 10.77.0.100
open
open
refresh
update
remove
connect
open
disconnect
`,
  'wrong key, wrong algorithm, wrong port': `
port PORT
key nobody ${KEY.secret}
connect
key omapi_key ${KEY.secret}
key-algorithm hmac-md5
connect
key-algorithm no-such
connect
port 1
connect
server no-such-host
connect
`,
};

describe('lessor-omshell beside omshell', { skip: skip() }, () => {
  let lab: OmapiLab;
  let theirs: LabDhcpd;
  let ours: LabDhcpd;

  before(async () => {
    lab = new OmapiLab();
    [theirs, ours] = (await lab.start([KEY, KEY])) as [LabDhcpd, LabDhcpd];
  });
  after(() => lab?.destroy());

  async function compare(session: string): Promise<Printed> {
    const real = lab.run([OMSHELL], session.replaceAll('PORT', String(theirs.innerPort)));
    assert.equal(real.status, 0);
    const printed = await runOurs(session.replaceAll('PORT', String(ours.port)));
    assert.equal(printed.stderr, real.stderr);
    assert.equal(printed.stdout, real.stdout);
    return printed;
  }

  for (const [name, session] of Object.entries(SESSIONS)) it(name, () => compare(session).then(() => {}));

  it('what the servers have written is the same', () => {
    const written = (dhcpd: LabDhcpd): string => dhcpd.leasesFile().replace(/^#.*\n|^server-duid.*\n/gm, '');
    assert.equal(written(ours), written(theirs));
    assert.match(written(ours), /host node01 \{/);
  });

  it('the program itself, with errors on the same stream', () => {
    const session = `port ${ours.innerPort}\nkey omapi_key ${KEY.secret}\nkey-algorithm hmac-sha256\nconnect\nbogus\nnew host\nset a = 300.1.2.3\nset name = "alpha"\nopen`;
    const joined = (program: string) => lab.run(['sh', '-c', `${program} 2>&1`], session);
    assert.deepEqual(joined(repoPath('packages', 'server', 'bin', 'lessor-omshell')), joined(OMSHELL));
  });

  const lines = Number(process.env.OMSHELL_FUZZ_LINES ?? 2_000);
  it(`${lines} random lines`, async () => {
    const random = generator(20_261_122);
    const head = `port PORT\nkey omapi_key ${KEY.secret}\nkey-algorithm hmac-sha256\nconnect\nnew host\n`;
    let accepted = 0;
    for (let done = 0; done < lines; done += 100) {
      const session = Array.from({ length: 100 }, () => randomLine(random)).join('');
      const { stdout } = await compare(`${head}${session}`);
      accepted += stdout.split('usage:').length;
    }
    assert.ok(accepted > lines / 20, 'most lines are no commands at all: the generator is too wild');
  });
});

type Below = (bound: number) => number;

/** A linear congruential generator: the same lines every time. */
function generator(seed: number): Below {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Words that mean something to omshell, or nearly. No command that talks to the server: that is for the sessions above. */
const WORDS = [
  ...[
    '1',
    '-5',
    '0',
    '255',
    '256',
    '300',
    '4294967295',
    '99999999999999999999',
    '-',
    '0x10',
    '0X1f',
    '12a',
    '0a',
    'ff',
    '1ff',
  ],
  ...[
    'aa',
    'add',
    'zz',
    'naam',
    'ip-addr',
    'b_7',
    '-x',
    'FF',
    'open-x',
    'key',
    'Set',
    'remote-handle',
    'waar',
    'feed-1',
  ],
  ...[
    '"text"',
    '""',
    '"q\\"q"',
    '"\\x41\\101"',
    '"\\x4"',
    '"\\18"',
    '"\\400"',
    '"\\t\\n"',
    '"open',
    '"a b',
    '"\\',
    '"\\0x"',
  ],
  ...['"ABCD\\x7f"', '"\xe4"', '\xe4', '"a\\xzz"', '\xff'],
  ...['.', ':', ';', '=', '{', '}', ',', '?', '!', '#', '/', '+', '==', '..', '::', '\t', '  ', '\v', '\r'],
];
const STARTS = [
  'set ',
  'set x = ',
  'set y=',
  'set "n m" = ',
  'SET z\t= ',
  'unset ',
  'unset x',
  'new ',
  'key k ',
  'key ',
  'key-algorithm ',
];

function randomLine(below: Below): string {
  let line = below(8) === 0 ? '' : STARTS[below(STARTS.length)]!;
  // What omshell itself does not survive: a secret that the line does not end, and its own name for a handle.
  const words = line.startsWith('key ') ? WORDS.filter((word) => !/["#\xff]/.test(word)) : WORDS;
  for (let left = below(7); left > 0; left--) line += words[below(words.length)]! + (below(3) === 0 ? ' ' : '');
  if (below(60) === 0) line = 'help';
  if (below(40) === 0 && !line.startsWith('key ')) line += `${' '.repeat(70)}"${'x'.repeat(below(1200))}"`;
  return `${line.startsWith('unset') ? line.replaceAll('remote-handle', 'handle') : line}\n`;
}
