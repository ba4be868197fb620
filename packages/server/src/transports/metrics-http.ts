/**
 * Metrics in Prometheus' text format (version 0.0.4), on a listener of their own. It is off unless the configuration
 * has `user-context.lessor.metrics {address, port}`; it answers GET /metrics and GET /ready and nothing else, and tells
 * no secrets, so it has no authentication: `sources` and `interface` of the block say who reaches it.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AccessControl } from '../control/access/access-control.js';
import { STRANGER_COST, type StrangerBudget } from '../control/access/stranger-budget.js';
import type { ListenerPolicy } from '../domain/access/policy.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import { DROP_REASONS, type DropReason, dropStatisticName } from '../services/drop-reasons.js';
import type { Clock, Logger, TcpArrival, TcpFront } from '../services/ports.js';
import type { Statistics } from '../services/statistics.js';
import { headerOctets } from './http-body.js';
import { HttpDeadlines } from './http-deadlines.js';
import { type FrontDeps, openTcpFront } from './tcp-front.js';

/** Where metrics are served. */
export interface MetricsAddress {
  readonly address: string;
  readonly port: number;
}

/** Down to what metrics are shown: ten thousand subnets make 14 series each, half of them of their pools. */
export type MetricsDetail = 'server' | 'subnet' | 'pool';

/** Where metrics are served, and which. */
export interface MetricsSettings extends MetricsAddress {
  readonly detail: MetricsDetail;
}

/** Whether a server may serve clients now; the reason is for people. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
}

/** A number that is asked for when the page is made: one, or one for each set of labels. */
export interface Gauge {
  readonly help: string;
  readonly value?: number;
  readonly samples?: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** One metric family. */
interface MetricRow {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
}

/** Families by name; which statistic goes where is in {@link ROUTES}. */
const METRICS = {
  lessor_packets_received_total: { type: 'counter', help: 'DHCP packets received' },
  lessor_packets_received_by_type_total: { type: 'counter', help: 'DHCP packets received, by message type' },
  lessor_packets_sent_total: { type: 'counter', help: 'DHCP packets sent' },
  lessor_packets_sent_by_type_total: { type: 'counter', help: 'DHCP packets sent, by message type' },
  lessor_packets_dropped_total: { type: 'counter', help: 'packets that got no answer, by reason' },
  lessor_packets_failed_total: { type: 'counter', help: "packets that got no answer, by Kea's statistic" },
  lessor_allocations_failed_total: { type: 'counter', help: 'clients for whom there was no address, by cause' },
  lessor_leases_assigned: { type: 'gauge', help: 'leases assigned, declined ones included' },
  lessor_leases_declined: { type: 'gauge', help: 'leases declined' },
  lessor_leases_assigned_total: { type: 'counter', help: 'leases newly assigned since the start' },
  lessor_leases_reclaimed_total: { type: 'counter', help: 'leases reclaimed after they had run out' },
  lessor_leases_reclaimed_declined_total: { type: 'counter', help: 'declined leases reclaimed' },
  lessor_leases_reused_total: { type: 'counter', help: 'leases given again without a change (cache-threshold)' },
  lessor_reservation_conflicts_total: { type: 'counter', help: 'reserved addresses found held by others' },
  lessor_subnet_addresses: { type: 'gauge', help: 'addresses in the pools of a subnet' },
  lessor_subnet_leases_assigned: { type: 'gauge', help: 'leases assigned in a subnet' },
  lessor_subnet_leases_declined: { type: 'gauge', help: 'leases declined in a subnet' },
  lessor_subnet_leases_assigned_total: { type: 'counter', help: 'leases newly assigned in a subnet' },
  lessor_subnet_leases_reclaimed_total: { type: 'counter', help: 'leases reclaimed in a subnet' },
  lessor_subnet_leases_reclaimed_declined_total: { type: 'counter', help: 'declined leases reclaimed in a subnet' },
  lessor_subnet_leases_reused_total: { type: 'counter', help: 'leases given again in a subnet' },
  lessor_subnet_reservation_conflicts_total: { type: 'counter', help: 'reservation conflicts in a subnet' },
  lessor_subnet_allocations_failed_total: { type: 'counter', help: 'failed allocations in a subnet, by cause' },
  lessor_guard_findings_total: { type: 'counter', help: 'findings of the guard of BMC networks, by rule' },
  lessor_guard_alarms_total: { type: 'counter', help: 'alarms the guard of BMC networks raised' },
  lessor_guard_withheld_total: { type: 'counter', help: 'replies without options that are for BMCs only' },
  lessor_ddns_requests_total: { type: 'counter', help: 'name change requests, by what became of them' },
  lessor_pool_addresses: { type: 'gauge', help: 'addresses in a pool' },
  lessor_pool_leases_assigned: { type: 'gauge', help: 'leases assigned in a pool' },
  lessor_pool_leases_declined: { type: 'gauge', help: 'leases declined in a pool' },
  lessor_pool_leases_assigned_total: { type: 'counter', help: 'leases newly assigned in a pool' },
  lessor_pool_leases_reclaimed_total: { type: 'counter', help: 'leases reclaimed in a pool' },
  lessor_pool_leases_reclaimed_declined_total: { type: 'counter', help: 'declined leases reclaimed in a pool' },
} as const satisfies Readonly<Record<string, MetricRow>>;

type MetricName = keyof typeof METRICS;

/** What follows `lessor_`, `lessor_subnet_` or `lessor_pool_`, for each of Kea's lease statistics. */
const LEASE_SUFFIXES: Readonly<Record<string, string>> = {
  'total-addresses': 'addresses',
  'assigned-addresses': 'leases_assigned',
  'declined-addresses': 'leases_declined',
  'cumulative-assigned-addresses': 'leases_assigned_total',
  'reclaimed-leases': 'leases_reclaimed_total',
  'reclaimed-declined-addresses': 'leases_reclaimed_declined_total',
  'v4-lease-reuses': 'leases_reused_total',
  'v4-reservation-conflicts': 'reservation_conflicts_total',
};

/** Drop statistics to their reasons. */
const REASON_OF = new Map(Object.keys(DROP_REASONS).map((reason) => [dropStatisticName(reason as DropReason), reason]));

type Labels = Readonly<Record<string, string>>;

/** The metric and labels of a statistic. */
interface Route {
  readonly metric: MetricName;
  readonly labels: Labels;
}

/** From a statistic's name to its metric; the first row whose pattern fits decides. */
const ROUTES: readonly [pattern: RegExp, route: (match: readonly string[]) => Route | undefined][] = [
  [/^lessor-dropped-.+$/, ([name]) => route('lessor_packets_dropped_total', { reason: reasonOf(name!) })],
  [/^lessor-guard-findings-(.+)$/, ([, rule]) => route('lessor_guard_findings_total', { rule: rule! })],
  [/^lessor-guard-alarms$/, () => route('lessor_guard_alarms_total', {})],
  [/^lessor-guard-withheld$/, () => route('lessor_guard_withheld_total', {})],
  [/^ddns-ncr-(.+)$/, ([, outcome]) => route('lessor_ddns_requests_total', { outcome: outcome! })],
  [/^pkt4-received$/, () => route('lessor_packets_received_total', {})],
  [/^pkt4-sent$/, () => route('lessor_packets_sent_total', {})],
  [/^pkt4-(.+)-received$/, ([, type]) => route('lessor_packets_received_by_type_total', { type: type! })],
  [/^pkt4-(.+)-sent$/, ([, type]) => route('lessor_packets_sent_by_type_total', { type: type! })],
  [/^pkt4-(.+)$/, ([, cause]) => route('lessor_packets_failed_total', { cause: cause! })],
  [
    /^(?:subnet\[(\d+)\]\.)?v4-allocation-fail(?:-(.+))?$/,
    ([, subnet, cause = 'any']) =>
      subnet === undefined
        ? route('lessor_allocations_failed_total', { cause })
        : route('lessor_subnet_allocations_failed_total', { subnet, cause }),
  ],
  [
    /^subnet\[(\d+)\]\.pool\[(\d+)\]\.(.+)$/,
    ([, subnet, pool, name]) => leaseRoute('lessor_pool_', name!, { subnet: subnet!, pool: pool! }),
  ],
  [/^subnet\[(\d+)\]\.(.+)$/, ([, subnet, name]) => leaseRoute('lessor_subnet_', name!, { subnet: subnet! })],
  [/^(.+)$/, ([name]) => leaseRoute('lessor_', name!, {})],
];

/** Beginnings of the names of statistics that are finer than the detail. */
const FINER: Readonly<Record<MetricsDetail, RegExp | undefined>> = {
  server: /^subnet\[/,
  subnet: /^subnet\[\d+\]\.pool\[/,
  pool: undefined,
};

/** The metrics page: every statistic that has a metric and is not too fine, and the gauges handed in, by name. */
export function metricsText(
  statistics: Pick<Statistics, 'all'>,
  gauges: Readonly<Record<string, Gauge>> = {},
  detail: MetricsDetail = 'pool',
): string {
  const lines = new Map<MetricName, string[]>();
  for (const { name, value } of statistics.all()) {
    if (FINER[detail]?.test(name) === true) continue;
    const found = routeOf(name);
    if (found === undefined) continue;
    const family = lines.get(found.metric) ?? [];
    family.push(`${found.metric}${formatLabels(found.labels)} ${value}`);
    lines.set(found.metric, family);
  }
  const page: string[] = [];
  for (const [metric, { type, help }] of Object.entries(METRICS)) {
    const family = lines.get(metric as MetricName);
    if (family !== undefined) page.push(`# HELP ${metric} ${help}`, `# TYPE ${metric} ${type}`, ...family);
  }
  for (const [name, { value, samples = [], help }] of Object.entries(gauges)) {
    page.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...(value === undefined ? [] : [`${name} ${value}`]));
    for (const { labels, value: sample } of samples) page.push(`${name}${formatLabels(labels)} ${sample}`);
  }
  return `${page.join('\n')}\n`;
}

/**
 * The `metrics` block of a configuration's user context; undefined = off.
 * @throws LessorError `config-type` or `config-range`
 */
export function metricsAddress(userContext: JsonMap | undefined): MetricsSettings | undefined {
  const metrics = member(member(userContext, 'lessor'), 'metrics');
  if (metrics === undefined) return undefined;
  const address = member(metrics, 'address') ?? '127.0.0.1';
  const port = member(metrics, 'port');
  if (typeof address !== 'string') throw new LessorError('config-type', 'lessor.metrics.address must be a string');
  if (typeof port !== 'number' || !Number.isInteger(port)) {
    throw new LessorError('config-type', 'lessor.metrics.port must be an integer');
  }
  if (port < 0 || port > 65535) throw new LessorError('config-range', 'lessor.metrics.port must be 0 to 65535');
  const detail = member(metrics, 'detail') ?? 'pool';
  if (!isDetail(detail)) {
    throw new LessorError('config-type', 'lessor.metrics.detail must be "server", "subnet" or "pool"');
  }
  return { address, port, detail };
}

function isDetail(value: Json): value is MetricsDetail {
  return typeof value === 'string' && Object.hasOwn(FINER, value);
}

/** What a {@link MetricsListener} works with. */
export interface MetricsParts extends FrontDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'soon'>;
  /** Who may connect; everybody if absent. */
  readonly access?: AccessControl;
  /** What may be spent on those who ask for nothing that is here; no bound if absent. */
  readonly strangers?: StrangerBudget;
}

/** A listener that is open. */
interface OpenMetrics {
  readonly front: TcpFront;
  readonly connections: ReadonlySet<Socket>;
}

/** Silence before a request is complete, and between two. */
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;

/** The metrics listener, kept in step with the configuration. */
export class MetricsListener implements SwapParticipant {
  readonly name = 'metrics';
  readonly testable = true;
  private readonly deadlines: HttpDeadlines;
  private policy: ListenerPolicy | undefined;
  private current: { readonly where: MetricsSettings; readonly open: OpenMetrics } | undefined;

  /**
   * @param render makes the page in the detail configured, at each request
   * @param readiness whether this server may serve clients, and why not
   */
  constructor(
    private readonly render: (detail: MetricsDetail) => string,
    private readonly logger: Logger,
    private readonly parts: MetricsParts,
    private readonly readiness: () => Readiness = () => ({ ready: true, reason: 'serving' }),
  ) {
    this.deadlines = new HttpDeadlines(parts.clock);
  }

  /** Where it listens, undefined if it does not. */
  get bound(): MetricsAddress | undefined {
    const { front } = this.current?.open ?? {};
    return front && { address: front.address, port: front.port };
  }

  /** @throws LessorError if the address can not be bound */
  async prepare(
    next: Pick<ConfigSnapshot, 'userContext'> & Partial<Pick<ConfigSnapshot, 'listeners'>>,
  ): Promise<PreparedSwap> {
    const policy = next.listeners?.find(({ kind }) => kind === 'metrics');
    const where = metricsAddress(next.userContext);
    const device = policy?.interface;
    const same = where?.address === this.current?.where.address && where?.port === this.current?.where.port;
    if (same && device === this.policy?.interface) {
      const commit = () => {
        this.policy = policy;
        if (where !== undefined && this.current !== undefined) this.current = { ...this.current, where };
      };
      return { commit, abandon: () => undefined };
    }
    const opened = where === undefined ? undefined : { where, open: await this.listen(where, device) };
    return {
      commit: () => {
        const gone = this.current;
        this.current = opened;
        this.policy = policy;
        if (gone !== undefined) close(gone.open);
        if (where !== undefined) {
          this.logger.log('INFO', 'LESSOR_METRICS_OPENED', `metrics at http://${where.address}:${where.port}/metrics`);
        }
      },
      abandon: () => {
        if (opened !== undefined) close(opened.open);
      },
    };
  }

  /** Stops listening. */
  close(): void {
    if (this.current !== undefined) close(this.current.open);
    this.current = undefined;
  }

  private answer(method: string | undefined, path: string | undefined): { status: number; text: string } {
    if (method === 'GET' && path === '/metrics') {
      return { status: 200, text: this.render(this.current?.where.detail ?? 'pool') };
    }
    if (method === 'GET' && path === '/ready') {
      const { ready, reason } = this.readiness();
      return { status: ready ? 200 : 503, text: `${reason}\n` };
    }
    return { status: 404, text: 'only GET /metrics and GET /ready are here\n' };
  }

  private async listen({ address, port }: MetricsAddress, device: string | undefined): Promise<OpenMetrics> {
    const server = createServer((request, response) => this.serve(request, response));
    const connections = new Set<Socket>();
    const place = { address, port, ...(device === undefined ? {} : { device }) };
    const front = await openTcpFront(place, this.parts, (arrival) => {
      const socket = this.accept(arrival);
      if (socket === undefined) return;
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
      server.emit('connection', socket);
    });
    return { front, connections };
  }

  private accept(arrival: TcpArrival): Socket | undefined {
    const { access, strangers } = this.parts;
    const admission = access?.admit(this.policy, arrival.source);
    if (access !== undefined && admission === undefined) {
      arrival.refuse();
      return undefined;
    }
    const socket = arrival.adopt();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      admission?.release();
      this.deadlines.cancel(socket);
    });
    strangers?.charge(STRANGER_COST.connection);
    this.deadlines.set(socket, REQUEST_TIMEOUT_MS, () => socket.destroy());
    return socket;
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const { access, strangers } = this.parts;
    this.deadlines.begin(socket);
    response.once('close', () => {
      if (this.deadlines.end(socket)) this.deadlines.set(socket, IDLE_TIMEOUT_MS, () => socket.destroy());
    });
    // A page is asked for in some hundred octets: who sends more than the limit is not asking for pages.
    if ((access?.spend(this.policy, socket.remoteAddress ?? '', headerOctets(request)) ?? 0) > 0) {
      request.destroy();
      return;
    }
    const { status, text } = this.answer(request.method, request.url?.split('?')[0]);
    // Nobody proves anything here: whoever asks for what there is is no stranger.
    if (status !== 404) strangers?.refund(STRANGER_COST.arrival + STRANGER_COST.connection);
    response.writeHead(status, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(text);
  }
}

function routeOf(name: string): Route | undefined {
  for (const [pattern, make] of ROUTES) {
    const match = pattern.exec(name);
    if (match !== null) return make(match);
  }
  return undefined;
}

function route(metric: MetricName, labels: Labels): Route {
  return { metric, labels };
}

function leaseRoute(prefix: string, name: string, labels: Labels): Route | undefined {
  const suffix = Object.hasOwn(LEASE_SUFFIXES, name) ? LEASE_SUFFIXES[name] : undefined;
  const metric = `${prefix}${suffix}`;
  return Object.hasOwn(METRICS, metric) ? route(metric as MetricName, labels) : undefined;
}

function reasonOf(statistic: string): string {
  return REASON_OF.get(statistic) ?? 'unknown';
}

function formatLabels(labels: Labels): string {
  const list = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return list.length === 0 ? '' : `{${list.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function member(map: Json | undefined, name: string): Json | undefined {
  if (map === null || typeof map !== 'object' || Array.isArray(map)) return undefined;
  return Object.hasOwn(map, name) ? (map as JsonMap)[name] : undefined;
}

function close({ front, connections }: OpenMetrics): void {
  front.close();
  for (const socket of connections) socket.destroy();
}
