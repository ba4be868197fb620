/** The packet path of a server, from socket to socket, and what a configuration means to it. */

import type { ConfigChange } from '../config/change.js';
import type { ConfigDiff } from '../config/diff.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { Ipv4 } from '../domain/values.js';
import type { LessorError } from '../errors.js';
import { openEchoSocket } from '../platform/echo-socket.js';
import { linuxNetworkStack } from '../platform/linux-sockets.js';
import type { PreparedSwap } from '../services/config-service.js';
import { EchoProber } from '../services/echo-prober.js';
import type { Ending } from '../services/ending.js';
import { Exchange4 } from '../services/exchange4.js';
import { Explainer } from '../services/explain4.js';
import { inSlices } from '../services/in-slices.js';
import { OfferBook } from '../services/offers.js';
import { type PacketConfig, preparePacketConfig, preparePacketConfigSliced } from '../services/packet-config.js';
import { followReservations, prepareNetworks } from '../services/packet-config-change.js';
import type { Clock, Logger, NetworkStack, Reply } from '../services/ports.js';
import { RateLimiter } from '../services/rate-limiter.js';
import type { ServiceSwitch } from '../services/service-switch.js';
import { plainNetworkStack } from '../transports/dhcp4-plain.js';
import {
  DEFAULT_DHCP4_PORT_OPTIONS,
  type Dhcp4Port,
  openDhcp4Port,
  type PreparedSockets,
} from '../transports/dhcp4-socket.js';
import { type Base, DEFAULT_SERVER_PORT } from './base.js';
import type { BmcGuard } from './guard.js';
import type { Leases } from './leases.js';
import type { RunScript } from './run-script.js';

/** Where clients receive (RFC 2131 §4.1), where -P names no other. */
const DEFAULT_CLIENT_PORT = 68;

/** From socket to socket. */
export interface Packets {
  readonly network: NetworkStack;
  readonly port: Dhcp4Port;
  readonly serviceSwitch: ServiceSwitch;
  /** What would become of a packet. */
  readonly explainer: Explainer;
  /** What is in force. */
  readonly config: PacketConfig;
  /** Puts a configuration in force from the next batch on. Can not fail. */
  use(next: PacketConfig): void;
  /** Begins to answer. */
  serve(): void;
}

/**
 * Opens the DHCP sockets and the packet path behind them; nothing is answered before `serve`.
 * @throws LessorError if no socket can be had
 */
export async function openPacketPath(
  base: Base,
  snapshot: ConfigSnapshot,
  leases: Leases,
  { guard }: BmcGuard,
  { scripts }: RunScript,
): Promise<Packets> {
  const { options, clock, random, logger, ending } = base;
  const { ledger, addresses, statistics, serviceSwitch, ddns, numbers } = leases;
  const { serverPort = DEFAULT_SERVER_PORT, clientPort = DEFAULT_CLIENT_PORT } = options;
  const network = networkOf(clock, logger);
  const port = await openDhcp4Port(
    snapshot.interfaces,
    { ...DEFAULT_DHCP4_PORT_OPTIONS, serverPort },
    { network, clock, logger, onGiveUp: (error) => giveUp(ending, logger, error) },
  );
  ending.onEnd(() => port.close());
  const packetConfig = preparePacketConfig(snapshot);
  const isOwnAddress = (address: Ipv4): boolean =>
    port.interfaces.some((own) => own.addresses.some((each) => each.address === address));
  const offers = new OfferBook(addresses, random);
  const parts = { addresses, offers, serviceSwitch, clock, numbers, isOwnAddress, serverPort, clientPort };
  const send = (replies: readonly Reply[]): void => port.send(replies);
  const redundancy = leases.ha?.redundancy;
  const { names } = ddns;
  // It opens sockets when the first offer is to be checked, and none where no subnet wants that.
  const prober = new EchoProber({
    clock,
    random,
    logger: logger.child('ping-check'),
    open: (device, received) => openEchoSocket(random, device, received),
  });
  ending.onEnd(() => prober.close());
  const exchange = new Exchange4(
    { ...parts, ledger, statistics, logger, send, redundancy, guard, names, scripts, prober, rates: new RateLimiter() },
    packetConfig,
  );
  names.follow(() => exchange.config.snapshot);
  const explainer = new Explainer({
    ...parts,
    leases: ledger.leases,
    config: () => exchange.config,
    interfaces: () => port.interfaces,
    guard: guard.preview(),
  });
  leases.start(packetConfig);
  const serve = (): void => {
    port.onBatch((batch) => {
      clock.pace.arrived();
      return exchange.handleBatch(batch);
    });
    clock.pace.packetsFirst = () => port.handleNow();
    ending.onEnd(() => {
      // What arrives from now on is not answered; what is being decided is.
      port.onBatch(() => undefined);
      return ledger.idle();
    });
  };
  return {
    network,
    port,
    serviceSwitch,
    explainer,
    get config() {
      return exchange.config;
    },
    use: (next) => exchange.useConfig(next),
    serve,
  };
}

/** What packets need of a configuration is derived before the swap, in slices, so that little is left for it. */
export async function packetSwap(
  snapshot: ConfigSnapshot,
  diff: ConfigDiff,
  clock: Clock,
  leases: Leases,
  packets: Packets,
): Promise<PreparedSwap> {
  return swapTo(await inSlices(preparePacketConfigSliced(snapshot), clock), diff, leases, packets);
}

async function swapTo(next: PacketConfig, diff: ConfigDiff, leases: Leases, packets: Packets): Promise<PreparedSwap> {
  const forLeases = await leases.prepare(next, diff);
  return {
    ...forLeases,
    commit() {
      forLeases.commit();
      packets.use(next);
    },
  };
}

/** The same for a change of which most of what packets need can stay. */
export function packetChange(
  next: ConfigSnapshot,
  change: ConfigChange,
  clock: Clock,
  leases: Leases,
  packets: Packets,
): PreparedSwap | Promise<PreparedSwap> {
  if (change.kind === 'networks') {
    const packetConfig = inSlices(prepareNetworks(packets.config, next), clock);
    return packetConfig.then((prepared) => swapTo(prepared, change.diff, leases, packets));
  }
  return {
    commit: () => packets.use(followReservations(packets.config, next, change, leases.addresses)),
    abandon: () => undefined,
  };
}

/** Sockets as a part of a configuration swap. */
export function socketSwap({ apply, abandon }: PreparedSockets): PreparedSwap {
  return { commit: apply, abandon };
}

function giveUp(ending: Ending, logger: Logger, error: LessorError): void {
  logger.log('FATAL', 'DHCP4_OPEN_SOCKETS_FAILED', error.message);
  void ending.end(1);
}

/** The fast sockets of Linux, or plain ones where those can not be had. */
function networkOf(clock: Clock, logger: Logger): NetworkStack {
  if (process.platform === 'linux') {
    try {
      return linuxNetworkStack(clock);
    } catch (error) {
      logger.log('WARN', 'LESSOR_PLAIN_SOCKETS', `plain sockets are used: ${(error as Error).message}`);
    }
  }
  return plainNetworkStack(clock);
}
