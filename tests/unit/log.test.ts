import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { LoggerConfig } from 'lessor/internal/domain/snapshot.js';
import { LogTree } from 'lessor/internal/platform/log.js';
import { compileLayout, DEFAULT_PATTERN, type LogEvent } from 'lessor/internal/platform/log-pattern.js';
import { until } from '../lib/until.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-log-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** 2026-03-05 09:08:07.006 local time. */
const AT = new Date(2026, 2, 5, 9, 8, 7, 6).getTime();

const event: LogEvent = {
  at: AT,
  severity: 'INFO',
  logger: 'kea-dhcp4.leases',
  id: 'DHCP4_LEASE_ALLOC',
  text: 'lease 192.0.2.1 has been allocated',
};

type Output = LoggerConfig['outputs'][number];

function fileOutput(name: string, more: Partial<Output> = {}): Output {
  return {
    output: join(folder, name),
    maxSizeOctets: 0,
    maxVersions: 1,
    flush: true,
    pattern: '%-5p %c %m\n',
    ...more,
  };
}

function logger(
  name: string,
  severity: LoggerConfig['severity'],
  debugLevel: number,
  ...outputs: Output[]
): LoggerConfig {
  return { name, severity, debugLevel, outputs };
}

function tree(environment: Record<string, string> = {}, verbose = false): LogTree {
  return new LogTree({ clock: { now: () => AT }, verbose, environment });
}

const contents = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('log patterns', () => {
  it("Kea's default pattern gives Kea's line", () => {
    const line = compileLayout(DEFAULT_PATTERN)(event);
    assert.equal(
      line,
      `2026-03-05 09:08:07.006 INFO  [kea-dhcp4.leases/${process.pid}.${process.pid}] ` +
        'DHCP4_LEASE_ALLOC lease 192.0.2.1 has been allocated\n',
    );
  });

  for (const [pattern, expected] of [
    ['%p|%8p|%-8p|%.2p', 'INFO|    INFO|INFO    |FO'],
    ['%c{1} %c{5}', 'leases kea-dhcp4.leases'],
    ['100%% %m{x}', '100% DHCP4_LEASE_ALLOC lease 192.0.2.1 has been allocated{x}'],
    ['%D{%y%j %I:%M%p %a %b %e}', '26064 09:08AM Thu Mar  5'],
    ['%D', '2026-03-05 09:08:07'],
    ['%d{%s}', String(Math.floor(AT / 1000))],
    ['%K stays', '%K stays'],
    ['no conversion', 'no conversion'],
  ] as const) {
    it(`lays out ${pattern}`, () => assert.equal(compileLayout(pattern)(event), expected));
  }

  it('the pattern json gives one JSON object a line, fields beside the fixed members', () => {
    const line = compileLayout('json')({ ...event, fields: { xid: 7, big: 2n ** 60n, text: 'not this one' } });
    assert.ok(line.endsWith('}\n') && !line.slice(0, -1).includes('\n'));
    const { pid, ...parsed } = JSON.parse(line);
    assert.equal(pid, process.pid);
    assert.deepEqual(parsed, {
      xid: 7,
      big: '1152921504606846976',
      text: event.text,
      time: new Date(AT).toISOString(),
      severity: 'INFO',
      logger: event.logger,
      id: event.id,
    });
  });
});

describe('the tree of loggers', () => {
  it('gives a logger the rule of its nearest configured ancestor, and only that one', async () => {
    const log = tree();
    const leases = log.get('kea-dhcp4.leases');
    const deep = leases.child('memfile');
    log.configure([
      logger('kea-dhcp4', 'WARN', 0, fileOutput('root')),
      logger('kea-dhcp4.leases', 'DEBUG', 40, fileOutput('leases')),
      logger('packets', 'NONE', 0),
    ]);
    assert.equal(log.root.enabled('INFO'), false);
    assert.equal(log.root.enabled('WARN'), true);
    assert.equal(deep.enabled('DEBUG', 40), true);
    assert.equal(deep.enabled('DEBUG', 41), false);
    assert.equal(log.get('kea-dhcp4.packets').enabled('FATAL'), false, 'a short name is put below the root');
    log.root.log('INFO', 'NOT', 'written');
    log.root.log('ERROR', 'YES', 'one');
    deep.log('DEBUG', 'YES', 'two');
    log.get('kea-dhcp4.options').log('WARN', 'YES', 'three');
    await log.drained();
    assert.equal(contents('root'), 'ERROR kea-dhcp4 YES one\nWARN  kea-dhcp4.options YES three\n');
    assert.equal(contents('leases'), 'DEBUG kea-dhcp4.leases.memfile YES two\n');
  });

  it('a logger without outputs writes to those of the root', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'ERROR', 0, fileOutput('shared')), logger('kea-dhcp4.commands', 'INFO', 0)]);
    log.get('kea-dhcp4.commands').log('INFO', 'A', 'b');
    await log.drained();
    assert.equal(contents('shared'), 'INFO  kea-dhcp4.commands A b\n');
  });

  it('-d shows everything', () => {
    const log = tree({}, true);
    log.configure([logger('kea-dhcp4', 'FATAL', 0, fileOutput('verbose'))]);
    assert.equal(log.root.enabled('DEBUG', 99), true);
  });

  it('before the configuration is read KEA_LOGGER_DESTINATION and _SEVERITY count', async () => {
    const log = tree({ KEA_LOGGER_DESTINATION: join(folder, 'early'), KEA_LOGGER_SEVERITY: 'WARN' });
    log.root.log('INFO', 'NOT', 'written');
    log.root.log('WARN', 'EARLY', 'yes');
    await log.drained();
    assert.match(contents('early'), /^\S+ \S+ WARN {2}\[kea-dhcp4\/\d+\.\d+\] EARLY yes\n$/);
  });

  it('a file that can not be opened leaves the old outputs in use', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('kept'))]);
    assert.throws(() => log.prepare([logger('kea-dhcp4', 'INFO', 0, fileOutput('kept/impossible'))]));
    log.root.log('INFO', 'STILL', 'here');
    await log.drained();
    assert.match(contents('kept'), /STILL here/);
  });

  it('lines already queued reach the old file after a reconfiguration', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('before', { flush: false }))]);
    log.root.log('INFO', 'QUEUED', 'line');
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('after'))]);
    log.root.log('INFO', 'NEXT', 'line');
    await log.drained();
    await until('the queued line is written', () => contents('before') !== '', 5);
    assert.equal(contents('before'), 'INFO  kea-dhcp4 QUEUED line\n');
    assert.equal(contents('after'), 'INFO  kea-dhcp4 NEXT line\n');
  });
});

describe('log files', () => {
  it('rotates at maxsize and keeps maxver old files, losing no line', async () => {
    const log = tree();
    log.configure([
      logger(
        'kea-dhcp4',
        'INFO',
        0,
        fileOutput('rotated', { maxSizeOctets: 204_800, maxVersions: 2, pattern: '%m\n' }),
      ),
    ]);
    const line = 'x'.repeat(999 - 'L 000 '.length);
    for (let i = 0; i < 500; i++) {
      log.root.log('INFO', 'L', `${String(i).padStart(3, '0')} ${line}`);
      if (i % 50 === 49) await log.drained();
    }
    const names = readdirSync(folder).filter((name) => name.startsWith('rotated'));
    assert.deepEqual(names.sort(), ['rotated', 'rotated.1', 'rotated.2']);
    const all = ['rotated.2', 'rotated.1', 'rotated'].map(contents).join('');
    const numbers = [...all.matchAll(/^L (\d+) /gm)].map((match) => Number(match[1]));
    assert.deepEqual(
      numbers,
      [...numbers.keys()].map((index) => index + numbers[0]!),
    );
    assert.equal(numbers.at(-1), 499);
    for (const name of names) assert.ok(statSync(join(folder, name)).size <= 204_800);
  });

  it('below 204800 octets maxsize means no rotation, as in Kea', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('whole', { maxSizeOctets: 1000, maxVersions: 3 }))]);
    for (let i = 0; i < 100; i++) log.root.log('INFO', 'L', 'x'.repeat(100));
    await log.drained();
    log.root.log('INFO', 'L', 'last');
    await log.drained();
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('whole')),
      ['whole'],
    );
  });

  it('is not readable by everybody', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('private'))]);
    await log.drained();
    assert.equal(statSync(join(folder, 'private')).mode & 0o007, 0);
  });

  it('drops lines beyond its bound, and says how many', async () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('bounded', { pattern: '%m\n' }))]);
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 10; i++) log.root.log('INFO', 'BIG', megabyte);
    await log.drained();
    log.root.log('INFO', 'NEXT', 'line');
    await log.drained();
    const heads = contents('bounded')
      .split('\n')
      .map((line) => line.slice(0, 60).replace(/x+$/, ''));
    assert.equal(heads.filter((head) => head === 'BIG ').length, 7);
    assert.deepEqual(
      heads.slice(-3),
      ['LOG_LINES_DROPPED 3 log lines were lost: the destination is too slow', 'NEXT line', ''].map((line) =>
        line.slice(0, 60),
      ),
    );
  });

  it('flushSync writes what is queued at once', () => {
    const log = tree();
    log.configure([logger('kea-dhcp4', 'INFO', 0, fileOutput('sync', { pattern: '%m\n' }))]);
    log.root.log('FATAL', 'LAST', 'words');
    log.flushSync();
    assert.equal(contents('sync'), 'LAST words\n');
  });
});
