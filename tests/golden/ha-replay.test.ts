/**
 * What was recorded of Kea pairs, replayed: the commands operators sent, to two real lessors that are a Kea pair; and
 * every request one Kea sent the other, to a lessor in the other's place. Differences stand in a table, with reasons.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { here } from '../lib/netns.js';
import { freePort } from '../lib/ports.js';
import { repoPath } from '../lib/repo.js';
import { Server } from '../lib/server.js';
import { hook, SUBJECTS } from '../lib/subject.js';
import { until } from '../lib/until.js';

type Json = Readonly<Record<string, unknown>>;

interface Answer {
  readonly result?: number;
  readonly text?: string;
  readonly arguments?: Json;
}

interface Step {
  readonly name: string;
  readonly request: { readonly command: string; readonly arguments?: Json };
  readonly response?: Answer;
}

/** Where an operator is answered otherwise than Kea answered. */
const DIFFERENCES: readonly { readonly in: RegExp; readonly step: RegExp; readonly reason: string }[] = [
  {
    in: /./,
    step: /^lease4-get of that lease/,
    reason: 'a lease an operator adds is sent to the partner too: Kea keeps it to itself until a synchronisation',
  },
  {
    in: /2\.2/,
    step: /^ha-(continue|heartbeat) to/,
    reason: '2.2 takes no notice of server-name; a name the relation does not have is refused, as Kea 3 does',
  },
  { in: /2\.2/, step: /^ha-sync to server1/, reason: '2.2 closes the connection on an unknown server' },
  { in: /2\.2/, step: /^ha-maintenance-notify/, reason: '2.2 closes the connection on malformed arguments' },
  { in: /./, step: /^lease4-get-all/, reason: 'the leases are those of the clients of the recording' },
  {
    in: /./,
    step: /^list-commands/,
    reason: 'lessor has further commands; the list is compared in the replay of core-unix',
  },
];

/** Steps for which the recording cut the servers apart; tests/interop/kea-ha.test.ts does that with real cables. */
const NOT_STAGED = /split/;

const FOLDER = repoPath('tests', 'golden', 'transcripts');

function transcript(name: string): Json {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

/** How long a server may be silent before it counts as gone: longer than a busy machine makes it wait. */
const SILENCE_MS = 5000;

const ROLES: Readonly<Record<string, string>> = {
  'hot-standby': 'standby',
  'load-balancing': 'secondary',
  'passive-backup': 'backup',
};

/** Two lessors that speak Kea's protocol, on loopback, without interfaces. */
class KeaPair {
  readonly servers: readonly [Server, Server];

  constructor(
    readonly mode: string,
    readonly ports: readonly [number, number],
    private readonly subnet: Json = { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.199' }] },
  ) {
    const server = (): Server => new Server(here, { subject: SUBJECTS.lessor, interfaces: [] });
    this.servers = [server(), server()];
    for (const index of [0, 1]) this.servers[index]!.configure(this.#dhcp4(index));
  }

  #dhcp4(index: number): Json {
    const relation = {
      'this-server-name': `server${index + 1}`,
      mode: this.mode,
      ...(this.mode === 'passive-backup' ? {} : { 'heartbeat-delay': 200, 'max-response-delay': SILENCE_MS }),
      'max-unacked-clients': 0,
      'sync-page-limit': 3,
      'user-context': { lessor: { partner: 'kea', 'interrupt-after': SILENCE_MS } },
      peers: this.ports.map((port, of) => ({
        name: `server${of + 1}`,
        url: `http://127.0.0.1:${port}/`,
        role: of === 0 ? 'primary' : ROLES[this.mode],
      })),
    };
    return { subnet4: [this.subnet], 'hooks-libraries': [hook('ha', { 'high-availability': [relation] })] };
  }

  async until(index: 0 | 1, state: string): Promise<void> {
    let found: Json = {};
    await until(
      () => `server${index + 1} is ${String(found.state)}, not ${state}`,
      async () => {
        found = await this.servers[index].must('ha-heartbeat').catch(() => ({ state: 'silent' }));
        return found.state === state;
      },
      50,
    );
  }

  /** Waits until both serve, and each has heard that of the other. */
  async together(): Promise<void> {
    await this.until(0, this.mode);
    await this.until(1, this.mode === 'passive-backup' ? 'backup' : this.mode);
    if (this.mode === 'passive-backup') return;
    for (const server of this.servers) {
      await until('each has heard that the other serves', async () => {
        const { 'high-availability': pairs } = await server.must('status-get');
        const [pair] = pairs as readonly [{ readonly 'ha-servers': { readonly remote: Json } }];
        return pair['ha-servers'].remote['last-state'] === this.mode;
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }
}

/** What an answer says, without what depends on the time and on lessor's own members. */
function comparable({ result, text = '', arguments: args }: Answer): Json {
  const pairs = args?.['high-availability'] as readonly Json[] | undefined;
  if (pairs !== undefined) {
    const [pair] = pairs as readonly [{ readonly 'ha-mode': string; readonly 'ha-servers': Record<string, Json> }];
    return { result, mode: pair['ha-mode'], ...Object.fromEntries(Object.entries(pair['ha-servers']).map(timeless)) };
  }
  const { 'date-time': _, 'unsent-update-count': __, ...rest } = args ?? {};
  return { result, text, ...rest };
}

/** Members every Kea has; 3.3 has more, which are compared where they are. What was heard last depends on when that was. */
function timeless([name, server]: [string, Json]): [string, Json] {
  const { age: _, 'system-time': time, 'clock-skew': skew, 'last-state': last, 'last-scopes': __, ...rest } = server;
  return [
    name,
    {
      ...rest,
      answers: last !== 'unavailable',
      ...(time === undefined ? {} : { time: time !== null }),
      ...(skew === undefined ? {} : { skew: skew !== null }),
    },
  ];
}

/** The recording has not all the members that later versions have. */
function narrowed(ours: Json, theirs: Json): Json {
  const entries = Object.entries(ours).filter(([name]) => Object.hasOwn(theirs, name));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, isMap(value) && isMap(theirs[name]) ? narrowed(value, theirs[name]) : value]),
  );
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe("Commands of operators to a pair of Kea's", { concurrency: 3 }, () => {
  const used = new Set<(typeof DIFFERENCES)[number]>();
  const files = readdirSync(FOLDER).filter((name) => /-ha-(?!.*via-ca).*-commands\.json$/.test(name));
  for (const file of files) {
    const { steps } = transcript(file) as unknown as { steps: readonly Step[] };
    const mode = /ha-(.*)-commands/.exec(file)![1]!;
    it(`${file}: answered as Kea did, or the table says why not`, async (t) => {
      const pair = new KeaPair(mode, [await freePort(), await freePort()]);
      let same = 0;
      let different = 0;
      try {
        await Promise.all(pair.servers.map((server) => server.start()));
        await pair.together();
        for (const step of steps) {
          if (NOT_STAGED.test(step.name)) continue;
          if (/partner down/.test(step.name)) {
            await pair.servers[1].kill();
            await pair.until(0, 'partner-down');
          } else if (/after recovery/.test(step.name) && !pair.servers[1].running) {
            await pair.servers[1].start();
            await pair.together();
          } else if (needsBoth(step)) await pair.together();
          const to = / to server2/.test(step.name) ? 1 : 0;
          const { command, arguments: args } = step.request;
          const answer = await pair.servers[to].command(command, args);
          const [ours, theirs] = [comparable(answer), comparable(step.response ?? {})];
          if (isDeepStrictEqual(narrowed(ours, theirs), theirs)) {
            same++;
            continue;
          }
          const difference = DIFFERENCES.find((row) => row.in.test(file) && row.step.test(step.name));
          if (difference === undefined) assert.deepEqual(narrowed(ours, theirs), theirs, step.name);
          else used.add(difference);
          different++;
        }
      } finally {
        await pair.close();
      }
      t.diagnostic(`${same} as Kea, ${different} different with reason`);
      assert.ok(same >= 5);
    });
  }

  after(() => assert.deepEqual([...used].length, DIFFERENCES.length, 'a difference that is none any more'));
});

/** Steps for which the recording waited until both servers worked together. */
function needsBoth({ name, request: { arguments: args } }: Step): boolean {
  return /^ha-reset/.test(name) ? args !== undefined : /^(status-get|lease4-)/.test(name) && !/maintenance/.test(name);
}

interface WireRequest {
  readonly json: { readonly command: string; readonly arguments?: Json };
  readonly answer: Answer;
}

/** Requests with their answers, of either format of recording. */
function requestsOf(name: string): WireRequest[] {
  const { events } = transcript(name) as unknown as { events: readonly Json[] };
  const found: WireRequest[] = [];
  const open = new Map<unknown, WireRequest['json']>();
  for (const event of events) {
    if (isMap(event.request) && isMap(event.response)) {
      const [answer] = (event.response.json ?? []) as readonly Answer[];
      if (isMap(event.request.json) && answer !== undefined) {
        found.push({ json: event.request.json as unknown as WireRequest['json'], answer });
      }
    } else if (isMap(event.body)) open.set(event.conn, event.body as unknown as WireRequest['json']);
    else if (Array.isArray(event.body) && open.has(event.conn)) {
      found.push({ json: open.get(event.conn)!, answer: event.body[0] as Answer });
      open.delete(event.conn);
    }
  }
  return found;
}

/** What a partner is answered; the result depends on what the server is doing. Everything else is refused. */
const RESULTS: Readonly<Record<string, readonly number[]>> = {
  'ha-heartbeat': [0],
  'dhcp-disable': [0],
  'dhcp-enable': [0],
  'ha-sync-complete-notify': [0],
  'lease4-update': [0],
  'lease4-del': [0, 3],
  'lease4-get-page': [0, 3],
  'ha-reset': [0],
  'ha-maintenance-notify': [0, 1, 1001],
};

function post(port: number, body: unknown): Promise<readonly Answer[]> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', headers: { 'Content-Type': 'application/json' } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    sent.end(JSON.stringify(body));
  });
}

describe('What one Kea sends the other', () => {
  it('is understood and answered in the same form, in every recording', async (t) => {
    const files = readdirSync(FOLDER).filter((name) => /(-ha-.*-wire|^kea-0\d-.*)\.json$/.test(name));
    assert.ok(files.length >= 10);
    const ports = [await freePort(), await freePort()] as const;
    // Wide enough for the addresses of all recordings.
    const pair = new KeaPair('hot-standby', ports, { id: 1, subnet: '192.0.0.0/8', pools: [{ pool: '192.0.2.0/24' }] });
    const seen = new Map<string, number>();
    try {
      await pair.servers[1].start();
      for (const file of files) {
        for (const { json, answer } of requestsOf(file)) {
          if (answer.result === undefined) continue;
          const [ours] = (await post(ports[1], json)) as readonly [Answer];
          const where = `${file}: ${JSON.stringify(json)} -> ${JSON.stringify(ours)}`;
          assert.ok((RESULTS[json.command] ?? [1]).includes(ours.result!), where);
          if (ours.result === answer.result && answer.arguments !== undefined) {
            const missing = Object.keys(answer.arguments).filter((name) => ours.arguments?.[name] === undefined);
            assert.deepEqual(missing, [], where);
          }
          seen.set(json.command, (seen.get(json.command) ?? 0) + 1);
        }
      }
    } finally {
      await pair.close();
    }
    t.diagnostic([...seen].map(([command, count]) => `${command} ${count}`).join(', '));
    assert.ok(seen.size >= 7, 'all kinds of requests were replayed');
  });
});
