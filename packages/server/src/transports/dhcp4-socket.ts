/**
 * The DHCP sockets of all interfaces behind one port: batches across interfaces in, replies out, and sockets that come
 * and go with the configuration and with the machine's addresses.
 */

import type { InterfacesConfig } from '../domain/snapshot.js';
import { formatIpv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type {
  Cancel,
  Clock,
  DatagramPort,
  DhcpInterface,
  Logger,
  NetworkStack,
  Reply,
  SocketCounters,
} from '../services/ports.js';
import { type BatchHandler, BatchLoop, type OpenSocket } from './dhcp4-batches.js';
import { deliveryOf } from './dhcp4-delivery.js';
import { type Selection, type SelectionProblem, type SocketPlan, selectSockets } from './dhcp4-selection.js';

/** What does not change while the process runs. */
export interface Dhcp4PortOptions {
  /** UDP port to receive on; 67 (RFC 2131 §4.1), Kea's -p. */
  readonly serverPort: number;
  /** Most datagrams of one batch; at most the receive slots of the network stack. */
  readonly maxBatch: number;
}

/** What the port needs from outside. */
export interface Dhcp4PortDependencies {
  readonly network: NetworkStack;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when `service-sockets-require-all` is set and the retries are used up: the server should stop. */
  readonly onGiveUp: (error: LessorError) => void;
}

/** Sockets that a new configuration wants, already open, not yet used. */
export interface PreparedSockets {
  /** Starts to use them and closes those no longer wanted. Does not fail. */
  apply(): void;
  /** Closes them again; nothing has changed. */
  abandon(): void;
}

/** The port, with what the composition root does to it. */
export interface Dhcp4Port extends DatagramPort {
  /**
   * Opens what `config` wants beyond what is open. One at a time: apply or abandon before the next.
   * @throws LessorError socket-open if an interface does not exist, or all are required and one can not be opened
   */
  prepare(config: InterfacesConfig): Promise<PreparedSockets>;
  /** Handles what is known to have arrived, before anything else is done in this turn of the loop. */
  handleNow(): void;
  /** Counters of each socket now open, by a readable name: eth0, lo/127.0.0.1. */
  counters(): ReadonlyMap<string, SocketCounters>;
}

/**
 * Options for a server on the standard port. Under overload everything that waits is read at once, so that the packet
 * path sees all of it and can choose what to shed; how many are answered together it decides itself.
 */
export const DEFAULT_DHCP4_PORT_OPTIONS: Dhcp4PortOptions = { serverPort: 67, maxBatch: 2048 };

/**
 * Opens the sockets of a configuration and watches for addresses that come and go (Kea: re-detect).
 * @throws LessorError socket-open, as {@link Dhcp4Port.prepare}
 */
export async function openDhcp4Port(
  config: InterfacesConfig,
  options: Dhcp4PortOptions,
  dependencies: Dhcp4PortDependencies,
): Promise<Dhcp4Port> {
  const port = new SocketSet(options, dependencies);
  try {
    (await port.prepare(config)).apply();
  } catch (error) {
    await port.close();
    throw error;
  }
  return port;
}

/** A plan that could not be opened. */
interface Failure {
  readonly plan: SocketPlan;
  readonly error: LessorError;
}

class SocketSet implements Dhcp4Port {
  readonly #options: Dhcp4PortOptions;
  readonly #network: NetworkStack;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onGiveUp: (error: LessorError) => void;
  #config: InterfacesConfig | undefined;
  #sockets = new Map<string, OpenSocket>();
  #interfaces: readonly DhcpInterface[] = [];
  #byInterface = new Map<DhcpInterface, OpenSocket>();
  readonly #batches: BatchLoop;
  #closed = false;
  #watch: Cancel | undefined;
  #retry: Cancel | undefined;
  #retriesLeft = 0;
  /** Adjustments to the machine's changes run one after the other. */
  #adjusting: Promise<void> = Promise.resolve();
  #knownProblems = '';

  constructor(options: Dhcp4PortOptions, { network, clock, logger, onGiveUp }: Dhcp4PortDependencies) {
    this.#options = options;
    this.#network = network;
    this.#clock = clock;
    this.#logger = logger;
    this.#onGiveUp = onGiveUp;
    this.#batches = new BatchLoop({ network, clock, logger, maxBatch: options.maxBatch });
  }

  get interfaces(): readonly DhcpInterface[] {
    return this.#interfaces;
  }

  counters(): ReadonlyMap<string, SocketCounters> {
    return new Map([...this.#sockets.values()].map(({ plan, socket }) => [socketName(plan), socket.counters]));
  }

  handleNow(): void {
    this.#batches.handleNow();
  }

  onBatch(handler: BatchHandler): void {
    this.#batches.onBatch(handler);
  }

  // --- sending ---------------------------------------------------------------------------------------------------

  send(replies: readonly Reply[]): void {
    const first = replies[0];
    if (first === undefined) return;
    if (replies.every((reply) => reply.interface === first.interface)) {
      this.#sendFrom(first.interface, replies);
      return;
    }
    const groups = new Map<DhcpInterface, Reply[]>();
    for (const reply of replies) {
      const group = groups.get(reply.interface);
      if (group === undefined) groups.set(reply.interface, [reply]);
      else group.push(reply);
    }
    for (const [netif, group] of groups) this.#sendFrom(netif, group);
  }

  #sendFrom(netif: DhcpInterface, replies: readonly Reply[]): void {
    const open = this.#socketOf(netif);
    if (open === undefined) {
      this.#logger.log('WARN', 'DHCP4_REPLY_LOST', `${replies.length} replies lost: ${netif.name} is no longer served`);
      return;
    }
    const { plan, socket } = open;
    // The kernel finds the only address of a device by itself, and faster.
    const source = plan.useRouting || netif.addresses.length > 1 ? netif.address : 0;
    for (const reply of replies) {
      const { destination, frameTo } = deliveryOf(reply, netif, socket);
      if (frameTo === undefined) socket.queueDatagram(reply.octets, source, destination, reply.port);
      else socket.queueFrame(reply.octets, netif.address, destination, reply.port, frameTo);
    }
    socket.flush();
  }

  /** The interface a query came in on may since have been described anew (an address more): look again by address. */
  #socketOf(netif: DhcpInterface): OpenSocket | undefined {
    const open = this.#byInterface.get(netif);
    if (open !== undefined) return open;
    const same = this.#interfaces.find(({ index, address }) => index === netif.index && address === netif.address);
    return same === undefined ? undefined : this.#byInterface.get(same);
  }

  // --- opening and closing ---------------------------------------------------------------------------------------

  async prepare(config: InterfacesConfig): Promise<PreparedSockets> {
    await this.#adjusting;
    const selection = selectSockets(config, this.#network.interfaces());
    const refused = selection.problems.find((problem) => problem.refused);
    if (refused !== undefined) throw new LessorError('socket-open', refused.text);
    const { opened, failures } = await this.#openMissing(selection.plans);
    const error = requiredFailure(config, selection.problems, failures);
    const abandon = (): void => {
      for (const { socket } of opened) socket.close();
    };
    if (error !== undefined && config.maxRetries === 0) {
      abandon();
      throw error;
    }
    return {
      abandon,
      apply: () => {
        this.#config = config;
        this.#retriesLeft = config.maxRetries;
        this.#knownProblems = '';
        this.#use(selection, opened, failures);
        this.#watchMachine(config.reDetect);
      },
    };
  }

  async #openMissing(plans: readonly SocketPlan[]): Promise<{ opened: OpenSocket[]; failures: Failure[] }> {
    const opened: OpenSocket[] = [];
    const failures: Failure[] = [];
    for (const plan of plans) {
      if (this.#sockets.has(plan.key)) continue;
      try {
        opened.push(await this.#open(plan));
      } catch (error) {
        if (!(error instanceof LessorError)) throw error;
        failures.push({ plan, error });
      }
    }
    return { opened, failures };
  }

  async #open(plan: SocketPlan): Promise<OpenSocket> {
    const holder: { open?: OpenSocket } = {};
    const socket = await this.#network.open({
      interface: plan.interface,
      ...(plan.bindAddress === undefined ? {} : { address: plan.bindAddress }),
      port: this.#options.serverPort,
      useRouting: plan.useRouting,
      onReadable: () => {
        if (holder.open !== undefined) this.#batches.readable(holder.open);
      },
    });
    holder.open = { plan, socket };
    return holder.open;
  }

  /** Puts the selection to use: keeps, adds, closes; then says what is missing and when it will be tried again. */
  #use(selection: Selection, opened: readonly OpenSocket[], failures: readonly Failure[]): void {
    const next = new Map<string, OpenSocket>();
    for (const plan of selection.plans) {
      const kept = this.#sockets.get(plan.key);
      if (kept === undefined) continue;
      kept.plan = keepIdentity(kept.plan, plan);
      next.set(plan.key, kept);
    }
    for (const open of opened) {
      next.set(open.plan.key, open);
      this.#logger.log('INFO', 'DHCP4_SOCKET_OPENED', `listening on ${describe(open, this.#options.serverPort)}`);
    }
    for (const [key, old] of this.#sockets) {
      if (next.has(key)) continue;
      old.socket.close();
      this.#batches.forget(old);
      this.#logger.log('INFO', 'DHCP4_SOCKET_CLOSED', `no longer listening on ${socketName(old.plan)}`);
    }
    this.#sockets = next;
    this.#byInterface = new Map(
      [...next.values()].flatMap((open) => open.plan.endpoints.map((endpoint) => [endpoint, open] as const)),
    );
    this.#interfaces = [...this.#byInterface.keys()];
    this.#reportProblems(selection.problems, failures);
    this.#scheduleRetry(selection.problems, failures);
  }

  #reportProblems(problems: readonly SelectionProblem[], failures: readonly Failure[]): void {
    const texts = [...problems.map(({ text }) => text), ...failures.map(({ error }) => error.message)];
    const all = texts.join('\n');
    if (all === this.#knownProblems) return;
    this.#knownProblems = all;
    for (const text of texts) {
      this.#logger.log('WARN', 'DHCPSRV_OPEN_SOCKET_FAIL', `failed to open socket: ${text}`);
    }
    if (this.#sockets.size === 0) {
      this.#logger.log('WARN', 'DHCPSRV_NO_SOCKETS_OPEN', 'no interface configured to listen to DHCP traffic');
    }
  }

  #scheduleRetry(problems: readonly SelectionProblem[], failures: readonly Failure[]): void {
    this.#retry?.();
    this.#retry = undefined;
    const config = this.#config;
    if (config === undefined || problems.length + failures.length === 0) return;
    if (this.#retriesLeft > 0) {
      this.#retriesLeft--;
      this.#retry = this.#clock.after(config.retryWaitMs, () => this.#adjust());
      return;
    }
    // Kea stops the server only when retries were asked for and have all failed; at the start `prepare` has thrown.
    const error = config.maxRetries > 0 ? requiredFailure(config, problems, failures) : undefined;
    if (error !== undefined) this.#onGiveUp(error);
  }

  #watchMachine(wanted: boolean): void {
    if (!wanted) {
      this.#watch?.();
      this.#watch = undefined;
    } else {
      this.#watch ??= this.#network.watch(() => this.#adjust());
    }
  }

  /** Asks the question again: same configuration, the machine as it is now. */
  #adjust(): void {
    this.#adjusting = this.#adjusting.then(async () => {
      const config = this.#config;
      if (config === undefined || this.#closed) return;
      try {
        const selection = selectSockets(config, this.#network.interfaces());
        const { opened, failures } = await this.#openMissing(selection.plans);
        if (this.#closed) for (const { socket } of opened) socket.close();
        else this.#use(selection, opened, failures);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#logger.log('ERROR', 'DHCP4_INTERFACE_DETECTION_FAILED', text);
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.();
    this.#watch?.();
    await this.#adjusting;
    for (const open of this.#sockets.values()) {
      open.socket.close();
      this.#batches.forget(open);
    }
    this.#sockets.clear();
  }
}

/** The failure that `service-sockets-require-all` makes fatal, if there is one. */
function requiredFailure(
  config: InterfacesConfig,
  problems: readonly SelectionProblem[],
  failures: readonly Failure[],
): LessorError | undefined {
  if (!config.requireAll) return undefined;
  const text = [...problems.map((problem) => problem.text), ...failures.map(({ error }) => error.message)].join('; ');
  return text === '' ? undefined : new LessorError('socket-open', `not all service sockets can be opened: ${text}`);
}

/** The new plan, with the old interface objects where nothing about them changed: caches hang on their identity. */
function keepIdentity(before: SocketPlan, after: SocketPlan): SocketPlan {
  const endpoints = after.endpoints.map((endpoint) => {
    const old = before.endpoints.find(({ address }) => address === endpoint.address);
    return old !== undefined && sameInterface(old, endpoint) ? old : endpoint;
  });
  return { ...after, endpoints };
}

function sameInterface(a: DhcpInterface, b: DhcpInterface): boolean {
  return (
    Buffer.compare(a.hwAddress, b.hwAddress) === 0 &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every(
      (own, i) => own.address === b.addresses[i]?.address && own.prefixLength === b.addresses[i]?.prefixLength,
    )
  );
}

function socketName(plan: SocketPlan): string {
  return plan.bindAddress === undefined
    ? plan.interface.name
    : `${plan.interface.name}/${formatIpv4(plan.bindAddress)}`;
}

function describe({ plan, socket }: OpenSocket, port: number): string {
  const addresses = plan.endpoints.map(({ address }) => formatIpv4(address)).join(', ');
  if (plan.bindAddress !== undefined) return `${plan.interface.name}, address ${addresses}, port ${port}`;
  const direct = socket.framing ? '' : '; clients without an address are answered by broadcast';
  return `${plan.interface.name}, all packets, answering from ${addresses}, port ${port}${direct}`;
}
