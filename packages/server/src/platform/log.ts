/**
 * Kea's logging: a tree of named loggers (kea-dhcp4, kea-dhcp4.leases, ...), configured by `loggers`.
 *
 * As in Kea a logger that is configured writes to its own outputs only; one that is not takes severity and outputs of
 * the nearest configured ancestor; one configured without outputs takes those of the root logger.
 * `enabled()` is one comparison of numbers.
 */

import type { LoggerConfig } from '../domain/snapshot.js';
import type { Clock, Logger, Severity } from '../services/ports.js';
import { compileLayout, DEFAULT_PATTERN, DEFAULT_SYSLOG_PATTERN, type Layout } from './log-pattern.js';
import { createConsoleSink, createFileSink, createSyslogSink, type LogSink } from './log-sinks.js';

/** Name of the server's root logger. */
export const ROOT_LOGGER = 'kea-dhcp4';
/** Kea's facility where `syslog` names none. */
const DEFAULT_FACILITY = 'LOCAL0';
/** Kea's highest debug level, what -d asks for. */
export const MAX_DEBUG_LEVEL = 99;

/** Severities as numbers that compare; a debug message of level n is DEBUG - n. */
const RANK = { DEBUG: 100, INFO: 200, WARN: 300, ERROR: 400, FATAL: 500, NONE: 600 } as const;

type OutputConfig = LoggerConfig['outputs'][number];

/** One `output-options` entry, opened. */
interface Output {
  readonly layout: Layout;
  readonly sink: LogSink;
}

/** What a configured logger says; shared by all loggers below it that say nothing themselves. */
interface Rule {
  /** Lowest rank that is written. */
  readonly threshold: number;
  readonly outputs: readonly Output[];
}

class TreeLogger implements Logger {
  threshold: number = RANK.INFO;
  outputs: readonly Output[] = [];

  constructor(
    readonly name: string,
    private readonly tree: LogTree,
  ) {}

  enabled(severity: Severity, debugLevel = 0): boolean {
    return RANK[severity] - debugLevel >= this.threshold;
  }

  log(severity: Severity, id: string, text: string, fields?: Readonly<Record<string, unknown>>): void {
    // Whoever logs at DEBUG has asked enabled() with its level; here only the severity can be judged.
    if (RANK[severity] < this.threshold) return;
    const event = { at: this.tree.clock.now(), severity, logger: this.name, id, text, ...(fields && { fields }) };
    for (const { layout, sink } of this.outputs) sink.write(layout(event), severity);
  }

  child(name: string): Logger {
    return this.tree.get(`${this.name}.${name}`);
  }
}

/** How {@link LogTree} starts before it has read a configuration. */
export interface LogOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** -d: everything, whatever the configuration says. */
  readonly verbose: boolean;
  /** Name of the root logger; kea-dhcp4 if absent. */
  readonly root?: string;
  /** For KEA_LOGGER_DESTINATION, KEA_LOGGER_SEVERITY and KEA_LOGGER_DBGLEVEL. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A configuration of the loggers, its files open but not yet in use. */
export interface PreparedLoggers {
  commit(): void;
  abandon(): void;
}

/** All loggers of the process. */
export class LogTree {
  readonly clock: Pick<Clock, 'now'>;
  readonly #verbose: boolean;
  readonly #environment: LogOptions['environment'];
  readonly #root: string;
  readonly #loggers = new Map<string, TreeLogger>();
  #rules: ReadonlyMap<string, Rule> = new Map();
  #sinks: ReadonlyMap<string, LogSink> = new Map();

  /** Logs by the environment variables (Kea: INFO to stdout) until {@link configure} is called. */
  constructor(options: LogOptions) {
    this.clock = options.clock;
    this.#verbose = options.verbose;
    this.#environment = options.environment;
    this.#root = options.root ?? ROOT_LOGGER;
    this.configure([]);
  }

  /** The root logger. */
  get root(): Logger {
    return this.get(this.#root);
  }

  /** The logger of a full name; a name outside its tree is put below it, as Kea does. */
  get(name: string): Logger {
    const full = this.#fullName(name);
    let logger = this.#loggers.get(full);
    if (logger === undefined) {
      logger = new TreeLogger(full, this);
      this.#loggers.set(full, logger);
      this.#apply(logger);
    }
    return logger;
  }

  /** Opens what `configs` names and uses it at once. @throws Error if a log file can not be opened. */
  configure(configs: readonly LoggerConfig[]): void {
    this.prepare(configs).commit();
  }

  /** Opens what `configs` names without using it yet. @throws Error if a log file can not be opened. */
  prepare(configs: readonly LoggerConfig[]): PreparedLoggers {
    const wanted = configs.some((config) => this.#fullName(config.name) === this.#root)
      ? configs
      : [this.#defaultConfig(), ...configs];
    const sinks = new Map<string, LogSink>();
    const opened: LogSink[] = [];
    const open = (output: OutputConfig): Output => {
      // Two loggers on one file share one sink: two writers would rotate it under each other.
      let sink = sinks.get(output.output);
      if (sink === undefined) {
        sink = openSink(output, this.#root);
        opened.push(sink);
        sinks.set(output.output, sink);
      }
      return { layout: compileLayout(patternOf(output)), sink };
    };
    const closeOpened = (): void => {
      for (const sink of opened) void sink.close();
    };
    const rules = new Map<string, Rule>();
    try {
      const rootOutputs = wanted.find((config) => this.#fullName(config.name) === this.#root)!.outputs.map(open);
      for (const config of wanted) {
        const outputs = config.outputs.length === 0 ? rootOutputs : config.outputs.map(open);
        rules.set(this.#fullName(config.name), {
          threshold: this.#verbose ? RANK.DEBUG - MAX_DEBUG_LEVEL : rankOf(config),
          outputs,
        });
      }
    } catch (error) {
      closeOpened();
      throw error;
    }
    return { commit: () => this.#use(rules, sinks), abandon: closeOpened };
  }

  #use(rules: ReadonlyMap<string, Rule>, sinks: ReadonlyMap<string, LogSink>): void {
    const old = this.#sinks;
    this.#rules = rules;
    this.#sinks = sinks;
    for (const logger of this.#loggers.values()) this.#apply(logger);
    for (const sink of old.values()) void sink.close();
  }

  /** Gives a logger the rule of its nearest configured ancestor. */
  #apply(logger: TreeLogger): void {
    let name = logger.name;
    let rule = this.#rules.get(name);
    while (rule === undefined && name.includes('.')) {
      name = name.slice(0, name.lastIndexOf('.'));
      rule = this.#rules.get(name);
    }
    if (rule === undefined) return;
    logger.threshold = rule.threshold;
    logger.outputs = rule.outputs;
  }

  #fullName(name: string): string {
    return name === this.#root || name.startsWith(`${this.#root}.`) ? name : `${this.#root}.${name}`;
  }

  #defaultConfig(): LoggerConfig {
    const severity = this.#environment.KEA_LOGGER_SEVERITY;
    return {
      name: this.#root,
      severity: severity !== undefined && severity in RANK ? (severity as LoggerConfig['severity']) : 'INFO',
      debugLevel: Number(this.#environment.KEA_LOGGER_DBGLEVEL ?? MAX_DEBUG_LEVEL) || 0,
      outputs: [
        {
          output: this.#environment.KEA_LOGGER_DESTINATION || 'stdout',
          maxSizeOctets: 0,
          maxVersions: 1,
          flush: true,
          pattern: '',
        },
      ],
    };
  }

  /** True if something is logged to stdout or stderr. */
  get onConsole(): boolean {
    return this.#sinks.has('stdout') || this.#sinks.has('stderr');
  }

  /**
   * Resolves when every line so far has been written, at the latest after `limitMs`: awaited before an orderly exit,
   * which a reader that takes no lines must not hold up.
   */
  async drained(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    const all = Promise.all([...this.#sinks.values()].map((sink) => sink.drained()));
    if (limitMs === Number.POSITIVE_INFINITY) return void (await all);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([all, late]);
    clearTimeout(timer);
  }

  /** Writes what is queued, synchronously: the last thing a crashing process does. */
  flushSync(): void {
    for (const sink of this.#sinks.values()) sink.flushSync();
  }
}

/** A logger that writes nothing, for embedding and tests. */
export const silentLogger: Logger = {
  enabled: () => false,
  log: () => undefined,
  child: () => silentLogger,
};

function rankOf(config: LoggerConfig): number {
  return config.severity === 'DEBUG' ? RANK.DEBUG - config.debugLevel : RANK[config.severity];
}

function isSyslog(output: string): boolean {
  return output === 'syslog' || output.startsWith('syslog:');
}

function patternOf(output: OutputConfig): string {
  if (output.pattern !== '') return output.pattern;
  return isSyslog(output.output) ? DEFAULT_SYSLOG_PATTERN : DEFAULT_PATTERN;
}

function openSink(output: OutputConfig, program: string): LogSink {
  if (output.output === 'stdout') return createConsoleSink(1, output.flush);
  if (output.output === 'stderr') return createConsoleSink(2, output.flush);
  if (isSyslog(output.output))
    return createSyslogSink(output.output.slice('syslog:'.length) || DEFAULT_FACILITY, program);
  return createFileSink({
    path: output.output,
    maxSizeOctets: output.maxSizeOctets,
    maxVersions: output.maxVersions,
    flush: output.flush,
  });
}
