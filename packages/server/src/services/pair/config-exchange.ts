/**
 * What two lessors of a pair say of their configurations: either may read the common part of the other's, and push its
 * own where the other allows it. A certificate of a partner can replicate and no more, so that has to be said.
 */

import { isMap } from '../../domain/json.js';
import type { ConfigSnapshot, Json, JsonMap } from '../../domain/snapshot.js';
import { CommandError } from '../../errors.js';
import { type Drift, driftBetween } from './drift.js';
import { commonPart, particularPart } from './fingerprints.js';

/** Takes over a configuration, or only says what that would change. @throws ConfigError, CommandError */
export type TakeConfig = (dhcp4: JsonMap, apply: boolean, from: string) => Promise<JsonMap>;

/** What {@link ConfigExchange} works with. */
export interface ExchangeParts {
  readonly current: () => ConfigSnapshot;
  /** Asks the partner; resolves with the arguments of its answer. */
  readonly call: (command: string, args: JsonMap, timeoutMs: number) => Promise<JsonMap>;
  /** This server takes a configuration of its partner. */
  readonly accepts: () => boolean;
  readonly partnerName: () => string;
}

/** Places told of; more than that nobody reads. */
const MOST_PLACES = 200;
const TIMEOUT_MS = 30_000;

/** See the head of this file. */
export class ConfigExchange {
  /** Set when the configuration of this server can be changed. */
  take: TakeConfig | undefined;

  constructor(private readonly parts: ExchangeParts) {}

  /** Where the configurations differ. @throws what `call` rejects with */
  async drift(): Promise<Drift[]> {
    const { current, call } = this.parts;
    const { configuration } = await call('pair-config', {}, TIMEOUT_MS);
    if (!isMap(configuration)) throw new CommandError('command-failed', 'the partner does not say its configuration');
    return driftBetween(commonPart(current().tree), configuration, MOST_PLACES);
  }

  /** Sends the common part of this configuration; resolves with what the partner says of it. */
  async push(apply: boolean): Promise<JsonMap> {
    const { current, call } = this.parts;
    return await call('pair-config-take', { configuration: commonPart(current().tree), apply }, TIMEOUT_MS);
  }

  /** Answers the partner; undefined if it is none of these commands. @throws CommandError, ConfigError */
  async answer(command: string, { configuration, apply }: JsonMap): Promise<JsonMap | undefined> {
    const { current, accepts, partnerName } = this.parts;
    if (command === 'pair-config') return { configuration: commonPart(current().tree) };
    if (command !== 'pair-config-take') return undefined;
    if (!isMap(configuration)) throw new CommandError('command-invalid', "'configuration' is no map");
    if (this.take === undefined || (apply === true && !accepts())) {
      const text =
        'this server takes no configuration from its partner: its relation would have to say ' +
        '"accept-configuration": true in user-context.lessor';
      throw new CommandError('command-denied', text);
    }
    // What belongs to this server stays: sockets, files, its name, its certificates.
    const next = { ...commonPart(configuration), ...particularPart(current().tree) };
    return await this.take(next, apply === true, partnerName());
  }
}

/** The lines of a report for people. */
export function describeDrift(drift: readonly Drift[]): string {
  return drift.map(({ path, here, there }) => `${path}: here ${short(here)}, there ${short(there)}`).join('; ');
}

function short(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
