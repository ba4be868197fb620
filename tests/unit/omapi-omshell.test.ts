/** What lessor-omshell has beyond omshell: key files, JSON, exit codes, extensions, completion, history. */

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { Authenticator, encodeUint32, findEntry, KeyError } from '@lessor/omapi';
import { parseKeyFile } from 'lessor/internal/cli/omshell/key.js';
import { ShellObject } from 'lessor/internal/cli/omshell/object.js';
import { runOmshell } from 'lessor/internal/cli/omshell/program.js';
import { readLines } from 'lessor/internal/cli/omshell/shell.js';
import { complete, defaultHistoryFile, isKept } from 'lessor/internal/cli/omshell/terminal.js';
import { scratchFolder } from '../lib/scratch.js';
import { FakeServer } from './omapi-server.js';

const KEY_FILE = `# made by tsig-keygen
key "omapi_key" {
	algorithm hmac-sha256;
	secret "MDEyMzQ1Njc4OWFiY2RlZg==";
};
`;

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

async function* octets(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text, 'utf8');
}

async function run(argv: readonly string[], input = ''): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new Collector(), new Collector()];
  const status = await runOmshell(argv, { stdout, stderr, env: {} }, octets(input));
  return { status, stdout: stdout.text, stderr: stderr.text };
}

describe('the program', () => {
  let server: FakeServer;
  let keyFile: string;

  before(async () => {
    const key = new Authenticator(parseKeyFile(KEY_FILE));
    server = await FakeServer.start(({ request, object, status }) => {
      const address = findEntry(request.object, 'ip-address');
      if (request.signature.length === 0) return status(0x60009, 'No authenticator on message');
      if (address === undefined) return status(23, 'no object matches specification');
      object(7, [
        ['state', encodeUint32(2)],
        ['ip-address', address],
        ['ends', encodeUint32(2_114_380_800)],
      ]);
    }, key);
    keyFile = join(scratchFolder(), 'omapi.key');
    writeFileSync(keyFile, KEY_FILE, { mode: 0o600 });
  });
  after(() => server.stop());

  const lookup = ['new lease', 'set ip-address = 10.0.0.5', 'open'];
  const connected = (): string[] => ['-p', String(server.port), '-k', keyFile, '-c'];

  it('takes commands from its command line, and the key from a file', async () => {
    const { status, stdout, stderr } = await run([...connected(), ...lookup]);
    assert.equal(stderr, '');
    assert.match(stdout, /> obj: lease\nip-address = 0a:00:00:05\nstate = 00:00:00:02\nends = 7e:06:e4:00\n> $/);
    assert.equal(status, 0);
  });

  it('answers in JSON, a line for each command, and never with the secret', async () => {
    const { status, stdout } = await run(['-j', ...connected(), ...lookup, 'key other c2VjcmV0', 'bogus']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ command, ok }) => [command, ok]),
      [['connect', true], ...lookup.map((command) => [command, true]), ['key', true], ['bogus', false]],
    );
    assert.deepEqual(lines[3].object, {
      type: 'lease',
      handle: 7,
      attributes: {
        'ip-address': { text: '0a:00:00:05', hex: '0a:00:00:05', value: '10.0.0.5' },
        state: { text: '00:00:00:02', hex: '00:00:00:02', value: 'active' },
        ends: { text: '7e:06:e4:00', hex: '7e:06:e4:00', value: 2_114_380_800 },
      },
    });
    assert.ok(!stdout.includes('c2VjcmV0'));
    assert.match(lines.at(-1).messages[0], /unknown token: bogus/);
    assert.equal(status, 1);
  });

  it('tells failure by its exit code only where it was asked to', async () => {
    const failing = `port ${server.port}\nconnect\nnew lease\nopen\nnew host\n`;
    const plain = await run([], failing);
    assert.equal(plain.status, 0);
    assert.match(plain.stdout, /can't open object: no key specified\nobj: lease\n> an object is already open\.\n/);
    const strict = await run(['-e'], failing);
    assert.equal(strict.status, 1);
    assert.match(strict.stdout, /can't open object: no key specified\n$/);
    const file = join(scratchFolder(), 'commands');
    writeFileSync(file, failing);
    assert.equal((await run(['-e', '-f', file])).status, 1);
    assert.equal((await run(['--nonsense'])).status, 2);
    assert.equal((await run(['-f', file, 'help'])).status, 2);
    assert.equal((await run(['-f', '/no/such/file'])).status, 1);
    assert.equal((await run(['-k', file])).status, 1);
    assert.equal((await run(['--help'])).status, 0);
  });

  it('extended: the server is quoted, values are explained, names may have dots', async () => {
    const { stdout } = await run(['-x', ...connected(), ...lookup, 'close', 'new host', 'open', 'quit', 'help']);
    assert.match(stdout, /state = 00:00:00:02 {3}# active\nends = 7e:06:e4:00 {3}# 2037-01-01 00:00:00 UTC\n/);
    assert.match(stdout, /can't open object: not found\n\(no object matches specification\)\n/);
    assert.ok(!stdout.includes('Commands:'));
    const names = 'server ::1\nserver "a.b.example"\nserver a b\nkey "k e y" c2VjcmV0\n';
    assert.equal((await run(['-x'], names)).stdout, '> > > usage: server <server>\n> > ');
    assert.equal((await run([], 'quit\n')).stderr, '<STDIN> line 1: unknown token: quit\n\n^\n');
  });

  it('warns of a key that anybody can read', async () => {
    const open = join(scratchFolder(), 'open.key');
    writeFileSync(open, KEY_FILE);
    chmodSync(open, 0o644);
    assert.match((await run(['-k', open])).stderr, /everybody on this machine can read this key/);
  });
});

describe('key files', () => {
  it('of dhcpd and of BIND', () => {
    const expected = { name: 'omapi_key', algorithm: 'hmac-sha256', secret: Buffer.from('0123456789abcdef') };
    assert.deepEqual(parseKeyFile(KEY_FILE), expected);
    const dhcpd = `omapi-port 7911; # key of the console
      key omapi_key { secret MDEyMzQ1Njc4OWFiY2RlZg==; algorithm HMAC-SHA256.SIG-ALG.REG.INT.; }
      omapi-key omapi_key;`;
    assert.deepEqual(parseKeyFile(dhcpd), expected);
  });

  it('without a usable key say why', () => {
    for (const text of [
      '',
      'key x { algorithm hmac-md5; }',
      'key x { algorithm hmac-x; secret AAAA; }',
      'key x { algorithm hmac-md5; secret "!"; }',
    ]) {
      assert.throws(() => parseKeyFile(text), KeyError);
    }
  });
});

describe('lines', () => {
  async function linesOf(...chunks: string[]): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of readLines(octets(...chunks))) lines.push(line);
    return lines;
  }

  it('end with a newline, or after 1023 octets, or with the input', async () => {
    assert.deepEqual(await linesOf('a\nb', 'c\n', '\n', 'd'), ['a\n', 'bc\n', '\n', 'd']);
    const long = 'x'.repeat(2500);
    assert.deepEqual(
      (await linesOf(`${long}\n`)).map(({ length }) => length),
      [1023, 1023, 455],
    );
    assert.deepEqual(
      (await linesOf(`${'x'.repeat(1022)}\ny`)).map(({ length }) => length),
      [1023, 1],
    );
    assert.deepEqual(
      (await linesOf(`${'x'.repeat(1023)}\n`)).map(({ length }) => length),
      [1023, 1],
    );
  });
});

describe('the terminal', () => {
  it('completes commands, types, attributes and algorithms', () => {
    const object = new ShellObject('failover-state');
    const completed = (line: string): string[] => complete(line, { object })[0];
    assert.deepEqual(completed('re'), ['refresh ', 'remove ']);
    assert.deepEqual(completed('new sub'), ['subclass ', 'subnet ']);
    assert.deepEqual(completed('set local-st'), ['local-state ', 'local-stos ']);
    assert.deepEqual(completed('set local-state '), ['= ']);
    assert.deepEqual(completed('key-algorithm hmac-sha2'), ['hmac-sha224 ', 'hmac-sha256 ']);
    assert.deepEqual(complete('unset n', { object: undefined })[0], []);
    assert.equal(complete('  set local-st', { object })[1], 'local-st');
  });

  it('keeps no secrets', () => {
    assert.deepEqual(['key k s', '  KEY k s', '', ' ', 'key-algorithm x', 'open'].map(isKept), [
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
    assert.equal(defaultHistoryFile({ XDG_STATE_HOME: '/s' }), '/s/lessor/omshell_history');
  });
});
