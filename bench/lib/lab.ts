/** Two network namespaces joined by a virtual cable: the server on one end, the load generator on the other. */

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';

/** The server's end. */
export const SERVER_SIDE = { namespace: 'lsbench-server', interface: 'lsb0', address: '10.0.0.1' } as const;
/** The generator's end: a relay agent as far as the server can tell. */
export const CLIENT_SIDE = { namespace: 'lsbench-client', interface: 'lsb1', address: '10.0.0.2' } as const;
/** Both ends' network, which is also the subnet served. */
export const SUBNET = '10.0.0.0/8';

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** Makes the namespaces; what an earlier run left is removed first. @throws Error with ip's complaint (not root?). */
export function makeLab(): void {
  removeLab();
  for (const { namespace } of [SERVER_SIDE, CLIENT_SIDE]) {
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
  const cable = ['type', 'veth', 'peer', 'name', CLIENT_SIDE.interface, 'netns', CLIENT_SIDE.namespace];
  ip('link', 'add', SERVER_SIDE.interface, 'netns', SERVER_SIDE.namespace, ...cable);
  for (const side of [SERVER_SIDE, CLIENT_SIDE]) {
    ip('-n', side.namespace, 'addr', 'add', `${side.address}/8`, 'dev', side.interface);
    ip('-n', side.namespace, 'link', 'set', side.interface, 'up');
  }
}

/** Removes the namespaces and kills what runs in them: nothing but our own subjects ever does. */
export function removeLab(): void {
  for (const { namespace } of [SERVER_SIDE, CLIENT_SIDE]) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
    for (const pid of stdout.split('\n').filter(Boolean).map(Number)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone already
      }
    }
    spawnSync('ip', ['netns', 'delete', namespace]);
  }
}

/**
 * Before the command of a program that asks or attacks while DHCP is measured: it takes only what nobody else wants, as if
 * it ran on another machine. (`nice` means nothing between sessions.)
 */
export const LAST_IN_LINE = ['chrt', '-i', '0'];

/** Starts a program in a namespace. `ip netns exec` becomes the program, so the child's pid is the program's. */
export function spawnIn(namespace: string, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn('ip', ['netns', 'exec', namespace, ...argv], options);
}

/** Runs a program in a namespace to its end. */
export async function runIn(
  namespace: string,
  argv: readonly string[],
): Promise<{ status: number | null; output: string }> {
  const child = spawnIn(namespace, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const pieces: Buffer[] = [];
  child.stdout!.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr!.on('data', (piece: Buffer) => pieces.push(piece));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output: Buffer.concat(pieces).toString() };
}
