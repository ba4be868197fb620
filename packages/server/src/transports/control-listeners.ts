/** The control sockets of the configuration, kept in step with it. */

import type { ConfigSnapshot, ControlSocketConfig } from '../domain/snapshot.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import { HttpListener, httpKey } from './kea-http.js';
import { UnixListener, unixKey } from './kea-unix.js';
import type { ControlListener, ListenerDeps } from './listener.js';

/**
 * All control listeners. A listener whose key (path, or address and port) is in both configurations stays open with
 * its connections; new ones are opened before the swap, so that a path or port that can not be had stops it; those
 * that are gone are closed after it, when the answers under way have left.
 */
export class ControlListeners implements SwapParticipant {
  readonly name = 'control-sockets';
  readonly testable = true;
  private listeners = new Map<string, ControlListener>();

  constructor(private readonly deps: ListenerDeps) {}

  /** Descriptions of the open listeners. */
  get open(): readonly string[] {
    return [...this.listeners.values()].map(({ description }) => description);
  }

  prepare(next: Pick<ConfigSnapshot, 'controlSockets'>): Promise<PreparedSwap> {
    return this.apply(next.controlSockets);
  }

  /** @throws LessorError if one can not be opened; then none has been */
  async apply(configs: readonly ControlSocketConfig[]): Promise<PreparedSwap> {
    const next = new Map<string, ControlListener>();
    const opened: ControlListener[] = [];
    const swaps: (() => void)[] = [];
    try {
      for (const config of configs) {
        const key = distinctKey(keyOf(config), next);
        const existing = this.listeners.get(key);
        if (existing === undefined) {
          const listener = await open(config, this.deps);
          opened.push(listener);
          next.set(key, listener);
        } else {
          swaps.push(await existing.prepare(config));
          next.set(key, existing);
        }
      }
    } catch (error) {
      for (const listener of opened) void listener.close();
      throw error;
    }
    return {
      commit: () => {
        for (const swap of swaps) swap();
        const kept = new Set(next.values());
        const gone = [...this.listeners.values()].filter((listener) => !kept.has(listener));
        this.listeners = next;
        for (const listener of gone) void this.retire(listener);
        for (const { description } of opened) {
          this.deps.logger.log('INFO', 'COMMAND_SOCKET_OPENED', `control ${description} opened`);
        }
      },
      abandon: () => {
        for (const listener of opened) void listener.close();
      },
    };
  }

  /** Closes all; resolves when the answers under way have left. */
  async close(): Promise<void> {
    const listeners = [...this.listeners.values()];
    this.listeners = new Map();
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  private async retire(listener: ControlListener): Promise<void> {
    await listener.close();
    this.deps.logger.log('INFO', 'COMMAND_SOCKET_CLOSED', `control ${listener.description} closed`);
  }
}

function keyOf(config: ControlSocketConfig): string {
  return config.type === 'unix' ? unixKey(config.path ?? '') : httpKey(config);
}

/** Several sockets may ask for any free port (0): the second of them is another one than the first. */
function distinctKey(key: string, taken: ReadonlyMap<string, unknown>): string {
  let distinct = key;
  for (let number = 2; taken.has(distinct); number++) distinct = `${key} (${number})`;
  return distinct;
}

function open(config: ControlSocketConfig, deps: ListenerDeps): Promise<ControlListener> {
  return config.type === 'unix' ? UnixListener.open(config, deps) : HttpListener.open(config, deps);
}
