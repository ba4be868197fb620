/**
 * Network namespaces for tests: made with unique names, torn down when the test ends, when it fails, when it is
 * interrupted, and (by the next run) when it was killed.
 */

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { getPeer } from './peers.js';
import { processRuns } from './scratch.js';
import { PATIENCE_MS } from './until.js';

/** `ls`, the test's process id, `x`, a running number: the process id tells whose a namespace is. */
const NAME = /^ls(\d+)x\d+$/;

/** How long what was killed may take to be gone. */
const GONE_MS = 5000;

const alive = new Set<Netns>();
let serial = 0;

function ip(args: readonly string[], input?: string): string {
  const result = spawnSync(getPeer('ip'), args, { encoding: 'utf8', input });
  if (result.status !== 0) throw new Error(`ip ${args.join(' ')}: ${result.stderr.trim()}`);
  return result.stdout;
}

/** Kills what runs in a namespace, and what that has started meanwhile; returns when it is gone. */
function killInside(name: string): void {
  const deadline = performance.now() + GONE_MS;
  do {
    const pids = spawnSync(getPeer('ip'), ['netns', 'pids', name], { encoding: 'utf8' });
    const inside = pids.stdout.split('\n').filter(Boolean).map(Number);
    if (inside.length === 0) return;
    for (const pid of inside) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // already gone
      }
    }
  } while (performance.now() < deadline);
}

/** Kills what still runs in a namespace and removes it. */
function removeNamespace(name: string): void {
  killInside(name);
  spawnSync(getPeer('ip'), ['netns', 'delete', name]);
}

/** Removes namespaces of test processes that no longer run. */
function removeStale(): void {
  for (const line of ip(['netns', 'list']).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const owner = NAME.exec(name)?.[1];
    if (owner !== undefined && !processRuns(Number(owner))) removeNamespace(name);
  }
}

function removeAll(): void {
  for (const namespace of alive) namespace.destroy();
}

/** One network namespace with its loopback up. */
export class Netns {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace; the first call of a process also removes what dead processes left behind. */
  static create(): Netns {
    if (serial === 0) {
      removeStale();
      process.on('exit', removeAll);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.once(signal, () => process.exit(1));
      }
    }
    serial += 1;
    const namespace = new Netns(`ls${process.pid}x${serial}`);
    ip(['netns', 'add', namespace.name]);
    alive.add(namespace);
    namespace.ip('link set lo up');
    return namespace;
  }

  /** Runs iproute2 commands (one a line, without the leading `ip`) inside. @throws Error with ip's complaint. */
  ip(commands: string): string {
    return ip(['-n', this.name, '-batch', '-'], `${commands.trim().replace(/\n\s+/g, '\n')}\n`);
  }

  /** Hardware address of an interface. */
  macOf(interfaceName: string): string {
    return /link\/ether (\S+)/.exec(this.ip(`link show ${interfaceName}`))?.[1] as string;
  }

  /** Arguments that run a program inside: `spawn(...namespace.wrap('ping', '-c1', ...))`. */
  wrap(program: string, ...args: string[]): [string, string[]] {
    return [getPeer('ip'), ['netns', 'exec', this.name, program, ...args]];
  }

  /**
   * Runs a program inside to its end; its exit status (null if it was killed) and output. Kills it after `timeoutMs`.
   * Does not block the test, which may have packets to answer meanwhile.
   */
  run(argv: readonly string[], timeoutMs = PATIENCE_MS): Promise<{ status: number | null; stdout: string }> {
    return new Promise((resolve, reject) => {
      const child = this.spawn(argv, {
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      let stdout = '';
      child.stdout!.setEncoding('utf8').on('data', (chunk) => {
        stdout += chunk;
      });
      child.once('error', reject);
      child.once('close', (status) => resolve({ status, stdout }));
    });
  }

  /** Starts a program inside. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [command, args] = this.wrap(...(argv as [string, ...string[]]));
    return spawn(command, args, options);
  }

  /** SIGKILL to all that runs inside. */
  killAll(): void {
    killInside(this.name);
  }

  /** Kills what runs inside and removes the namespace with its interfaces. Harmless when repeated. */
  destroy(): void {
    if (!alive.delete(this)) return;
    removeNamespace(this.name);
  }
}

/** What a server needs of the namespace it runs in. */
export type Host = Pick<Netns, 'spawn' | 'killAll'>;

/** The namespace the test itself runs in: for servers that are only talked to over loopback and unix sockets. */
export const here: Host = {
  spawn([program, ...args]: readonly string[], options: SpawnOptions = {}) {
    return spawn(program!, args, options);
  },
  killAll() {
    throw new Error('not in the namespace of everybody');
  },
};

/** Joins two namespaces by a virtual Ethernet cable; both ends are up. */
export function connect(a: Netns, aInterface: string, b: Netns, bInterface: string): void {
  ip(['-n', a.name, 'link', 'add', aInterface, 'type', 'veth', 'peer', 'name', bInterface, 'netns', b.name]);
  a.ip(`link set ${aInterface} up`);
  b.ip(`link set ${bInterface} up`);
}

/** A virtual switch: a namespace with a bridge that `plug` connects other namespaces to. */
export class Switch {
  readonly namespace = Netns.create();
  #ports = 0;

  constructor() {
    // No spanning tree and no forward delay: a port forwards from the moment it is up.
    this.namespace.ip(`link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
      link set br0 up`);
  }

  /** Gives `namespace` an interface of that name on this switch. */
  plug(namespace: Netns, interfaceName: string): void {
    this.#ports += 1;
    const port = `p${this.#ports}`;
    connect(namespace, interfaceName, this.namespace, port);
    this.namespace.ip(`link set ${port} master br0`);
  }

  /** Joins this switch and another one by a trunk, which `trunk` cuts and mends. */
  join(other: Switch): void {
    connect(this.namespace, 'trunk0', other.namespace, 'trunk0');
    for (const { namespace } of [this, other]) namespace.ip('link set trunk0 master br0');
  }

  /** Cuts or mends the trunk of a switch that was joined to another. */
  trunk(up: boolean): void {
    this.namespace.ip(`link set trunk0 ${up ? 'up' : 'down'}`);
  }

  /** Removes the switch (its cables go with it). */
  destroy(): void {
    this.namespace.destroy();
  }
}
