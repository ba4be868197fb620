/**
 * Kea's API, asked of Kea 2.2 and of lessor at once: the same configuration, the same leases, and commands nobody
 * recorded. Every answer is the same, or is of a difference in the table of kea-api-differences.ts.
 *
 * `KEA_API_SEED` says by which chance sequences are made, `KEA_API_CASES` how many commands they have together,
 * `KEA_API_ONLY` (a regular expression) which commands are asked.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { seeded } from '../fuzz/seeded.js';
import { withoutVolatile } from '../golden/control-replay.js';
import { here } from '../lib/netns.js';
import { type Dhcp4, Server } from '../lib/server.js';
import { hook, SUBJECTS } from '../lib/subject.js';
import { type Case, COMMANDS, chosen, spoiltOnce } from './kea-api-cases.js';
import { API_DIFFERENCES, type ApiDifference, HARMFUL_TO_KEA } from './kea-api-differences.js';

const DHCP4: Dhcp4 = {
  'interfaces-config': { interfaces: [] },
  'hooks-libraries': [hook('stat_cmds')],
  // Nobody listens there: what counts is the answer to the command.
  'dhcp-ddns': { 'enable-updates': true, 'server-port': 9 },
  'valid-lifetime': 4000,
  subnet4: [
    { id: 1, subnet: '10.1.0.0/24', pools: [{ pool: '10.1.0.10 - 10.1.0.99' }] },
    { id: 2, subnet: '10.2.0.0/24', 'valid-lifetime': 500, 'min-valid-lifetime': 100, 'max-valid-lifetime': 900 },
    { id: 3, subnet: '10.3.0.0/24', 'client-class': 'KNOWN' },
  ],
  'shared-networks': [{ name: 'net', 'valid-lifetime': 700, subnet4: [{ id: 4, subnet: '10.4.0.0/24' }] }],
};

/** What both servers hold at the start of every sequence. */
const LEASES: readonly JsonMap[] = [
  { 'ip-address': '10.1.0.10', 'hw-address': '1a:1b:1c:1d:1e:10', hostname: 'host1.example.org', 'fqdn-fwd': true },
  { 'ip-address': '10.1.0.11', 'hw-address': '1a:1b:1c:1d:1e:11', 'client-id': '01:02:03:04', state: 1 },
  { 'ip-address': '10.1.0.13', 'hw-address': '1a:1b:1c:1d:1e:13', 'client-id': '01:02:03:05', state: 2 },
  { 'ip-address': '10.2.0.10', 'hw-address': '1a:1b:1c:1d:1e:10', 'user-context': { a: 1 } },
  { 'ip-address': '10.3.0.255', 'subnet-id': 3, 'hw-address': '1:2:3:4:5:6', 'valid-lft': 60 },
];

/** Commands after which leases and statistics are compared. */
const CHANGES = /^lease4-(add|update|del|wipe)$|^leases-reclaim$/;

const ALL_LEASES: Case = { command: 'lease4-get-all', text: '{ "command": "lease4-get-all" }' };
const ALL_STATISTICS: Case = { command: 'statistic-get-all', text: '{ "command": "statistic-get-all" }' };

const CONFIG_GET = '{ "command": "config-get" }';

const SEED = Number(process.env.KEA_API_SEED ?? 1);
const CASES = Number(process.env.KEA_API_CASES ?? 600);
const ONLY = new RegExp(process.env.KEA_API_ONLY ?? '');

/** An answer without what must differ. */
interface Seen {
  /** Result and text. */
  readonly words: string;
  readonly arguments: JsonValue;
}

const skip = SUBJECTS.kea.skipReason() || SUBJECTS.lessor.skipReason();

describe('Kea 2.2 and lessor, asked the same', { skip }, () => {
  const kea = new Server(here, { subject: SUBJECTS.kea });
  const lessor = new Server(here, { subject: SUBJECTS.lessor });
  const servers = [kea, lessor];
  /** The leases of the start as they are shown, by address. */
  let atStart: ReadonlyMap<string, string> = new Map();
  const used = new Set<unknown>();
  const unknown: string[] = [];

  before(async () => {
    for (const server of servers) server.configure(DHCP4);
    await Promise.all(servers.map((server) => server.start()));
  });
  after(() => Promise.all(servers.map((server) => server.close())));

  it('config-get: every parameter that both have has the same value', async () => {
    const [theirs, ours] = await Promise.all(servers.map((server) => server.send(CONFIG_GET)));
    const others = otherValues((JSON.parse(theirs!) as JsonMap).arguments!, (JSON.parse(ours!) as JsonMap).arguments!);
    // Each has its file; threads became the default, which lessor shows as Kea 3 does.
    const expected = ['/Dhcp4/lease-database/name', '/Dhcp4/multi-threading/enable-multi-threading'];
    assert.deepEqual([...others].sort(), expected);
  });

  it(`sequences of seed ${SEED}`, async (t) => {
    const chance = seeded(SEED);
    await play(
      t,
      Array.from({ length: CASES }, () => chosen(chance)),
      false,
    );
  });

  it('each argument of each command: left out, spoilt, given twice', async (t) => {
    await play(t, spoiltOnce(), true);
  });

  it('every row is needed', { skip: process.env.KEA_API_ONLY !== undefined }, () => {
    for (const row of API_DIFFERENCES) assert.ok(row.sometimes || used.has(row), row.reason);
    for (const row of HARMFUL_TO_KEA) assert.ok(used.has(row), row.reason);
  });

  /** Asks both, with `afresh` always of the same leases; a failure names every difference that is not in the table. */
  async function play(t: { diagnostic(message: string): void }, cases: Iterable<Case>, afresh: boolean): Promise<void> {
    await startOver();
    let asked = 0;
    let different = 0;
    for (const one of cases) {
      if (!ONLY.test(one.command)) continue;
      asked++;
      const harmful = HARMFUL_TO_KEA.find(({ text }) => text.test(one.text));
      if (harmful !== undefined) {
        used.add(harmful);
        assert.match((await ask(lessor, one)).words, /^1 /, one.text);
        continue;
      }
      const [theirs, ours] = await both(one);
      const same = judge(one, theirs, ours);
      if (!same) different++;
      if (CHANGES.test(one.command)) await compareEffects(one, same, afresh && /^0 /.test(ours.words));
    }
    t.diagnostic(`${asked} commands, ${different} answered differently`);
    assert.equal(unknown.length, 0, unknown.splice(0).join('\n'));
  }

  /** True if both are the same; if they are not, that has a row or is written down. */
  function judge(one: Case, theirs: Seen, ours: Seen, when = ''): boolean {
    if (isSame(theirs, ours)) return true;
    const row = rowOf(one, theirs, ours);
    if (row === undefined) unknown.push(`${when}${one.text}\n  Kea:    ${show(theirs)}\n  lessor: ${show(ours)}`);
    used.add(row);
    return false;
  }

  /** After a change both have the same leases and count the same, unless it was answered differently. */
  async function compareEffects(one: Case, same: boolean, afresh: boolean): Promise<void> {
    const leases = await both(ALL_LEASES);
    const alike = [leases, await both(ALL_STATISTICS)].map(([theirs, ours]) =>
      same ? judge(one, theirs, ours, 'after ') : isSame(theirs, ours),
    );
    if (alike.includes(false)) await startOver();
    else if (afresh || leases[0].words.startsWith('3 '))
      await Promise.all(servers.map((server) => mend(server, leases[0])));
  }

  /** Gives a server the leases of the start again, by as few commands as it takes. */
  async function mend(server: Server, { arguments: found }: Seen): Promise<void> {
    const present = leasesOf(found);
    for (const [address, lease] of present) {
      if (lease !== atStart.get(address)) await server.must('lease4-del', { 'ip-address': address });
    }
    for (const lease of LEASES) {
      const address = String(lease['ip-address']);
      if (present.get(address) !== atStart.get(address)) await server.must('lease4-add', lease);
    }
  }

  function both(one: Case): Promise<[Seen, Seen]> {
    return Promise.all([ask(kea, one), ask(lessor, one)]);
  }

  /** All leases go, which sets what Kea counts right too, and those of the start come. */
  async function startOver(): Promise<void> {
    await Promise.all(
      servers.map(async (server) => {
        await server.command('lease4-wipe');
        for (const lease of LEASES) await server.must('lease4-add', lease);
      }),
    );
    atStart = leasesOf((await ask(kea, ALL_LEASES)).arguments);
  }
});

/** Where both have a value, and not the same. */
function* otherValues(theirs: JsonValue, ours: JsonValue, path = ''): Generator<string> {
  if (!isNested(theirs) || !isNested(ours)) {
    if (theirs !== ours) yield path;
    return;
  }
  const others = new Map(Object.entries(ours));
  for (const [name, value] of Object.entries(theirs)) {
    const other = others.get(name);
    if (other !== undefined) yield* otherValues(value, other, `${path}/${name}`);
  }
}

function isNested(value: JsonValue): value is JsonMap | readonly JsonValue[] {
  return value !== null && typeof value === 'object';
}

function rowOf({ command, text }: Case, theirs: Seen, ours: Seen): ApiDifference | undefined {
  const words = `${theirs.words} | ${ours.words}`;
  return API_DIFFERENCES.find(
    ({ command: commands, sent, answers, inArguments }) =>
      commands.test(command) &&
      (sent?.test(text) ?? true) &&
      answers.test(words) &&
      (inArguments || theirs.words !== ours.words),
  );
}

function isSame(theirs: Seen, ours: Seen): boolean {
  return show(theirs) === show(ours);
}

function show(seen: Seen): string {
  return `${seen.words} ${JSON.stringify(seen.arguments)}`;
}

/** Asks one server. @throws Error if it does not answer, with the command */
async function ask(server: Server, { command, text: written }: Case): Promise<Seen> {
  const text = await server.send(written);
  assert.ok(text !== '', `${server.subject.name} did not survive ${written}`);
  const answer = withoutTimes(JSON.parse(text)) as JsonMap;
  const args = answer.arguments ?? {};
  const words = `${answer.result} ${answer.text ?? ''}`.replaceAll(server.folder, '<folder>');
  return { words, arguments: VIEWS[command]?.(args) ?? args };
}

/** What of `arguments` is compared, where it is not all: see NOT_COMPARED. */
const VIEWS: Readonly<Record<string, (args: JsonValue) => JsonValue>> = {
  // Where the file is and how long: the parameters of 3.3 are others.
  'config-write': (args) => Object.keys(args as JsonMap),
  'list-commands': (args) => (args as readonly string[]).filter((name) => Object.hasOwn(COMMANDS, name)),
  'statistic-get': (args) => newestSamples(args as JsonMap),
  'statistic-get-all': (args) => newestSamples(args as JsonMap, /^subnet\[[1-4]\]\.[a-z]+-addresses$/),
  'stat-lease4-get': (args) => withoutCumulative(args as JsonMap),
  // What it tells of threads and of the service came later.
  'status-get': (args) => (args as JsonMap).sockets ?? null,
};

function withoutCumulative(args: JsonMap): JsonValue {
  const set = args['result-set'] as JsonMap | undefined;
  if (set === undefined) return args;
  const at = (set.columns as readonly string[]).indexOf('cumulative-assigned-addresses');
  const rows = (set.rows as readonly (readonly JsonValue[])[]).map((row) => row.toSpliced(at, 1));
  return { columns: set.columns ?? null, rows };
}

function newestSamples(args: JsonMap, names = /./): JsonValue {
  const entries = Object.entries(args).filter(([name]) => names.test(name));
  return Object.fromEntries(entries.map(([name, samples]) => [name, (samples as JsonValue[][])[0]?.[0] ?? null]));
}

/** A copy in which members have an order, leases too, and times of now are no matter. */
function withoutTimes(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (value === null || typeof value !== 'object') return withoutVolatile(value);
  const entries = Object.entries(value).map(([name, item]): [string, JsonValue] => {
    if (name === 'cltt' && Math.abs(Number(item) - Date.now() / 1000) < NOW_S) return [name, '<now>'];
    if (name === 'leases') return [name, (withoutTimes(item) as JsonMap[]).sort(byAddress)];
    return [name, withoutTimes(item)];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A lease of so many seconds ago was written by this test. */
const NOW_S = 3600;

function leasesOf(args: JsonValue): Map<string, string> {
  const { leases } = args as { readonly leases: readonly JsonMap[] };
  return new Map(leases.map((lease) => [String(lease['ip-address']), JSON.stringify(lease)]));
}

function byAddress(a: JsonMap, b: JsonMap): number {
  return String(a['ip-address']) < String(b['ip-address']) ? -1 : 1;
}
