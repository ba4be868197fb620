/** A configuration that is changed by command, with its file, the packet path's view of it and the free addresses. */

import type { JsonMap } from '@lessor/kea';
import type { ConfigChange } from 'lessor/internal/config/change.js';
import { loadConfig } from 'lessor/internal/config/load.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher, type DispatchOutcome } from 'lessor/internal/control/dispatcher.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import { atOnce } from 'lessor/internal/domain/slices.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { silentLogger } from 'lessor/internal/platform/log.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { ConfigService } from 'lessor/internal/services/config-service.js';
import { type PacketConfig, preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import { followReservations, prepareNetworks } from 'lessor/internal/services/packet-config-change.js';
import { ReservationDirectories } from 'lessor/internal/services/reservation-directory.js';
import { testEnvironment } from '../unit/config-helpers.js';
import { controlBench, ListLeases } from '../unit/control-fakes.js';

const FILE = '/test/etc/kea-dhcp4.conf';
const NOW_SEC = 1_795_321_794;
const LEASES = new ListLeases([]);

/** What a test changes and looks at. */
export interface ConfigBench {
  readonly config: ConfigService;
  /** As the packet path has it. */
  readonly packets: PacketConfig;
  readonly addresses: AddressSpace;
  readonly directories: ReservationDirectories;
  /** The file's text. Assigning changes it behind the server's back. */
  file: string;
  /** Makes every attempt to write the file fail, or no longer. */
  broken: boolean;
  run(command: string, args?: JsonMap): Promise<DispatchOutcome>;
  /** The configuration of the file as a server that starts now would have it. */
  restarted(): ConfigSnapshot;
}

/** Starts one with a file's text. */
export function configBench(text: string): ConfigBench {
  const state = { file: text, broken: false };
  const environment = () => ({
    ...testEnvironment(),
    readFile: () => Buffer.from(state.file, 'utf8').toString('latin1'),
  });
  const source = { kind: 'file', path: FILE } as const;
  const load = () => loadConfig(source, { ...environment(), generation: 1 });
  const initial = load();
  const bench = controlBench();
  const config = new ConfigService({
    initial,
    source,
    environment,
    clock: bench.clock,
    files: {
      read: async () => Buffer.from(state.file, 'utf8'),
      async writeAtomically(_path, octets) {
        if (state.broken) throw new Error('EROFS: read-only file system');
        state.file = Buffer.from(octets).toString('utf8');
      },
    },
  });
  const addresses = new AddressSpace({ below: () => 0 });
  let packets = preparePacketConfig(initial.snapshot);
  const use = (next: PacketConfig): void => {
    addresses.rebuild(next.snapshot, next.reservations.addresses(), LEASES, NOW_SEC);
    packets = next;
  };
  use(packets);
  const follow = (next: ConfigSnapshot, change: ConfigChange): PacketConfig | undefined =>
    change.kind === 'networks' ? atOnce(prepareNetworks(packets, next)) : undefined;
  const directories = new ReservationDirectories();
  config.participate(directories);
  config.participate({
    name: 'packets',
    prepare: async (next) => ({ commit: () => use(preparePacketConfig(next)), abandon: () => undefined }),
    prepareChange(next, change) {
      const prepared = follow(next, change);
      const commit = (): void => {
        if (prepared !== undefined) use(prepared);
        else if (change.kind === 'reservations') packets = followReservations(packets, next, change, addresses);
      };
      return { commit, abandon: () => undefined };
    },
  });
  const services = { ...bench.services, config, reservations: directories };
  const dispatcher = new Dispatcher(COMMANDS, services, { record: () => undefined }, silentLogger);
  return {
    config,
    addresses,
    directories,
    get packets() {
      return packets;
    },
    get file() {
      return state.file;
    },
    set file(changed) {
      state.file = changed;
    },
    set broken(broken: boolean) {
      state.broken = broken;
    },
    run: (name, args) =>
      dispatcher.dispatch({
        name,
        args,
        service: undefined,
        principal: { name: 'test', method: 'internal', rights: FULL_RIGHTS },
        listener: 'test',
        receivedAt: bench.clock.now(),
      }),
    restarted: () => load().snapshot,
  };
}
