/** The server itself: version, status, shutdown, lease file cleanup (Kea: ctrl_dhcp4_srv.cc). */

import type { LeaseStore } from '../../services/ports.js';
import type { ServiceSwitch } from '../../services/service-switch.js';
import { CORE_WORDING, defineCommand } from '../arguments.js';
import { type CommandRow, type Json, type JsonMap, Result } from '../command.js';
import type { ControlServices } from '../services.js';
import { isolationStatus } from './listeners.js';
import { processCommands } from './process.js';

/** Stores whose cleanup a command has started and that has not ended. */
const cleaning = new WeakSet<object>();

/** The rows. */
export const SERVER_COMMANDS: readonly CommandRow<ControlServices>[] = [
  ...processCommands('Shutting down.'),
  defineCommand({
    name: 'server-tag-get',
    access: 'read',
    hook: 'core',
    summary: 'the tag by which this server would pick its part of a shared configuration',
    args: {},
    wording: CORE_WORDING,
    run: (_, { config }) => ({
      result: Result.success,
      arguments: { 'server-tag': config.current.serverTag },
    }),
  }),
  defineCommand({
    name: 'status-get',
    access: 'read',
    hook: 'core',
    summary: 'process, uptime, sockets, lease store, and who holds the service off',
    args: {},
    wording: CORE_WORDING,
    run: (_, services) => ({ result: Result.success, arguments: status(services) }),
  }),
  defineCommand({
    name: 'kea-lfc-start',
    access: 'write',
    hook: 'core',
    summary: 'starts a lease file cleanup now',
    args: {},
    wording: CORE_WORDING,
    run(_, { config, store, clock }) {
      if (!config.current.leaseDatabase.persist) {
        return {
          result: Result.unsupported,
          text: "'persist' parameter of 'memfile' lease backend was configured to 'false'",
        };
      }
      if (cleaning.has(store)) return { result: Result.empty, text: 'kea-lfc already running' };
      startCleanup(store, clock);
      return { result: Result.success, text: 'kea-lfc started' };
    },
  }),
];

/** Runs a cleanup after the answer has left. The store logs a failure and keeps it in its health. */
function startCleanup(store: Pick<LeaseStore, 'cleanup'>, clock: ControlServices['clock']): void {
  cleaning.add(store);
  const done = () => void cleaning.delete(store);
  clock.soon(() => void store.cleanup().then(done, done));
}

function status({ clock, config, ha, interfaces, isolation, process, serviceSwitch, store }: ControlServices): Json {
  const now = clock.now();
  const secondsSince = (at: number) => Math.max(0, Math.floor((now - at) / 1000));
  const { persist, path } = config.current.leaseDatabase;
  const doors = isolationStatus(isolation);
  const { status: sockets, errors } = interfaces.socketStatus;
  return {
    pid: process.pid,
    uptime: secondsSince(process.startedAt),
    reload: secondsSince(config.lastReloadAt),
    // One loop serves all packets; what Kea says of its thread pool does not exist here.
    'multi-threading-enabled': false,
    ...(persist ? { 'csv-lease-file': path } : {}),
    'lease-store': storeStatus(store, secondsSince),
    sockets: { status: sockets, ...(errors.length === 0 ? {} : { errors }) },
    'dhcp-state': dhcpState(serviceSwitch),
    ...(doors === undefined ? {} : { 'control-isolation': doors }),
    ...(ha.length === 0 ? {} : { 'high-availability': ha.map((relation) => relation.status()) }),
  };
}

/** lessor's own: whether leases can be made durable now. */
function storeStatus({ health }: Pick<LeaseStore, 'health'>, secondsSince: (at: number) => number): JsonMap {
  return health.ok
    ? { status: 'ready' }
    : { status: 'failed', reason: health.reason, 'failed-for': secondsSince(health.since) };
}

function dhcpState({ state }: ServiceSwitch): JsonMap {
  return {
    'globally-disabled': state.disabled,
    'disabled-by-user': state.byUser,
    'disabled-by-local-command': state.byHaLocal,
    'disabled-by-remote-command': state.byHaRemote,
    'disabled-by-db-connection': state.byStore,
  };
}
