/**
 * Kea's unix control socket: one command per connection, found by its brackets; the answer, then the connection closes.
 * Timeouts, lock file and mode as Kea 3.x has them; unlike Kea the command, the answer's time and the number of
 * connections are bounded.
 */

import { chmodSync, rmSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { CommandFramer, JsonSyntaxError, parseCommandJson } from '@lessor/kea';
import type { Principal } from '../control/command.js';
import type { DispatchOutcome } from '../control/dispatcher.js';
import { renderAnswer, runCommand } from '../control/door.js';
import { FULL_RIGHTS } from '../domain/access/rights.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { Cancel } from '../services/ports.js';
import { InputMeter } from './input-meter.js';
import { CONNECTION_BACKLOG, type ControlListener, type ListenerDeps, writeAll } from './listener.js';

/** sun_path of Linux without its final NUL. */
const MAX_PATH_OCTETS = 107;

/** Who can connect is a matter of the file's mode and directory; whoever can, may do everything (Kea). */
const LOCAL: Principal = { name: 'local', method: 'unix-socket', rights: FULL_RIGHTS };

/** One listening unix socket. */
export class UnixListener implements ControlListener {
  readonly key: string;
  readonly description: string;
  /** How to turn away each connection without a running command; the one that has waited the longest comes first. */
  private readonly waiting = new Map<Socket, (text: string) => void>();
  private readonly connections = new Set<Socket>();

  private constructor(
    private config: ControlSocketConfig,
    private readonly path: string,
    private readonly server: Server,
    private readonly lock: { release(): void },
    private readonly deps: ListenerDeps,
  ) {
    this.key = unixKey(path);
    this.description = `unix socket ${path}`;
    server.on('connection', (socket) => this.accept(socket));
  }

  /**
   * Locks `<path>.lock`, removes an old socket and binds under umask 0007, so the mode is 0770.
   * @throws LessorError `socket-open`
   */
  static async open(config: ControlSocketConfig, deps: ListenerDeps): Promise<UnixListener> {
    const path = config.path ?? '';
    if (Buffer.byteLength(path) > MAX_PATH_OCTETS) {
      throw new LessorError('socket-open', `unix socket path is longer than ${MAX_PATH_OCTETS} bytes: ${path}`);
    }
    const lock = takeLock(path, deps);
    const server = createServer({ allowHalfOpen: true });
    try {
      rmSync(path, { force: true });
      await listen(server, path);
    } catch (error) {
      lock.release();
      throw new LessorError('socket-open', `unable to bind unix socket ${path}: ${(error as Error).message}`);
    }
    return new UnixListener(config, path, server, lock, deps);
  }

  /** The path is the same, else it would be another listener. */
  async prepare(next: ControlSocketConfig): Promise<() => void> {
    return () => {
      this.config = next;
    };
  }

  /** Stops listening and removes both files at once; connections whose command runs get their answer first. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.waiting.keys()) socket.destroy();
    removeFile(this.path);
    this.lock.release();
    return closed;
  }

  private accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    this.connections.add(socket);
    socket.once('close', () => this.connections.delete(socket));
    this.receive(socket);
    if (this.connections.size <= this.deps.limits.maxConnections) return;
    // There is one: at least the new connection waits.
    const [evicted, turnAway] = this.waiting.entries().next().value!;
    this.connections.delete(evicted);
    turnAway('too many connections to this control socket');
  }

  /** Collects the command; the timer starts anew with every read. */
  private receive(socket: Socket): void {
    const principal = this.principalOf(socket);
    const meter = this.meterOf(principal);
    const framer = new CommandFramer(this.deps.limits.maxCommandOctets);
    let cancel: Cancel = () => undefined;
    const stop = () => {
      cancel();
      meter?.stop();
      this.waiting.delete(socket);
      socket.off('data', onData).off('end', onEnd);
    };
    const turnAway = (text: string) => {
      stop();
      const discarded = framer.octets === 0 ? '' : `, discarded partial command of ${framer.octets} bytes`;
      void this.answer(socket, { result: 1, text: `${text}${discarded}` });
    };
    const startTimer = () => {
      cancel();
      cancel = this.deps.clock.after(this.deps.limits.requestTimeoutMs, () =>
        turnAway('Connection over control channel timed out'),
      );
    };
    // Half-closed before the command was complete: nothing can be answered.
    const onEnd = () => socket.destroy();
    const onData = (chunk: Buffer) => {
      startTimer();
      if (meter?.charge(chunk.length, socket) === false) return;
      const result = framer.push(chunk);
      if (result.state === 'more') return;
      stop();
      const work =
        result.state === 'invalid'
          ? Promise.resolve({ result: 1 as const, text: result.text })
          : this.run(framer.text(), principal);
      void work.then((outcome) => this.answer(socket, outcome));
    };
    this.waiting.set(socket, turnAway);
    startTimer();
    socket.once('close', stop).on('end', onEnd).on('data', onData);
  }

  /** Who connected, as the kernel says; asked at once, while the connection is sure to be there. */
  private principalOf(socket: Socket): Principal {
    const { access, peerOf } = this.deps;
    if (access === undefined) return LOCAL;
    const unixUser = peerOf?.(socket);
    const evidence = unixUser === undefined ? {} : { unixUser };
    const principal = access.identify(evidence, {}, this.config.policy);
    // Two rules that both mean him: he may do nothing, and every attempt is audited.
    return { ...(principal ?? { ...LOCAL, rights: [] }), method: 'unix-socket' };
  }

  /** What a local user sends is charged to him, whatever connection it comes by. */
  private meterOf({ name }: Principal): InputMeter | undefined {
    const { access, clock } = this.deps;
    return access && new InputMeter(access, () => this.config.policy, name, clock);
  }

  private async run(text: string, principal: Principal): Promise<DispatchOutcome> {
    try {
      const json = parseCommandJson(text, { comments: true });
      const origin = { principal, listener: this.key, receivedAt: this.deps.clock.now() };
      return await runCommand(json, origin, this.deps.dispatch);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return { result: 1, text: error.message, code: 'command-malformed' };
      throw error;
    }
  }

  private async answer(socket: Socket, outcome: DispatchOutcome): Promise<void> {
    const { clock, limits } = this.deps;
    // What comes after the command is read and thrown away: unread, it would turn our close into a reset.
    socket.resume();
    const buffers = await renderAnswer(outcome, clock);
    // The last one together with our end of the connection: of a short answer that is all of it.
    const last = buffers.pop()!;
    if (!(await writeAll(socket, buffers, clock, limits.idleTimeoutMs))) {
      socket.destroy();
      return;
    }
    socket.end(last);
    const cancel = clock.after(limits.lingerMs, () => socket.destroy());
    socket.once('end', () => socket.destroy()).once('close', cancel);
  }
}

/** Key of a unix listener. */
export function unixKey(path: string): string {
  return `unix:${path}`;
}

function takeLock(path: string, deps: ListenerDeps): { release(): void } {
  const lockPath = `${path}.lock`;
  try {
    const lock = deps.lock(lockPath);
    return {
      release() {
        removeFile(lockPath);
        lock.release();
      },
    };
  } catch (error) {
    throw new LessorError('socket-open', `cannot lock socket lockfile, ${lockPath}: ${(error as Error).message}`);
  }
}

/** Binds synchronously, so that the umask of the process is changed for that moment only. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const umask = process.umask(0o007);
    try {
      server.listen({ path, backlog: CONNECTION_BACKLOG }, () => {
        server.off('error', reject);
        // The umask made it so on Linux; elsewhere the mode of a socket may come from somewhere else.
        chmodSync(path, 0o770);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already: that is what was wanted.
  }
}
