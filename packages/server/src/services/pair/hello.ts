/** What the two servers of a pair tell each other in every heartbeat, and what is checked before anything else is believed. */

import type { SectionDigests } from '../../domain/pair/file.js';
import type { PairState } from '../../domain/pair/states.js';
import { PAIR_STATES } from '../../domain/pair/states.js';
import type { Side } from '../../domain/pair/version.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { CommandError } from '../../errors.js';
import type { Section } from './sections.js';

/** Version of this protocol. */
export const PAIR_PROTOCOL = 2;

/** One server as the other sees it. */
export interface Hello {
  readonly protocol: number;
  readonly relationship: string;
  readonly side: Side;
  /** Number of the server's start: its messages are told from those of earlier starts. */
  readonly boot: number;
  readonly epoch: number;
  /** How often one of the two has gone on alone, as far as it knows. */
  readonly fence: number;
  /** Boot number with which the file of the sender was begun. */
  readonly born: number;
  /** The highest boot number it knows of the receiver, from a life of which the receiver should know. */
  readonly met: number;
  /** The boot number of the receiver as it runs now, as far as the sender has heard; 0: nothing. */
  readonly sees: number;
  /** It lost its database, and what it had promised with it may still run. */
  readonly lost: boolean;
  readonly state: PairState;
  /** It has compared its database with the receiver's since the two met. */
  readonly compared: boolean;
  /** It gives addresses to new clients: its disk works and it has nothing to wait for. */
  readonly gives: boolean;
  /** Fingerprint of subnets, pools and their identifiers: must be equal. */
  readonly addressSpace: string;
  /** Fingerprint of all that is not particular to one of the two: should be equal. */
  readonly configuration: string;
  /** The same for each section; a partner of an earlier version does not say it. */
  readonly sections?: SectionDigests | undefined;
  /** Milliseconds since 1970 at the sender. */
  readonly clockMs: number;
  /**
   * How far the receiver's clock was ahead of the sender's when both last had the same leases. A partner of an earlier version,
   * or one that does not know, does not say it.
   */
  readonly aheadMs?: number | undefined;
}

/** As a member of a command or an answer. */
export function helloToJson(hello: Hello): JsonMap {
  const { sections, aheadMs, ...rest } = hello;
  return {
    ...rest,
    ...(sections === undefined ? {} : { sections: { ...sections } }),
    ...(aheadMs === undefined ? {} : { aheadMs }),
  };
}

/** The inverse. @throws CommandError naming the member that is missing or wrong */
export function helloFromJson(json: Json | undefined): Hello {
  const map = typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonMap) : {};
  const state = text(map, 'state');
  if (!Object.hasOwn(PAIR_STATES, state)) throw wrong('state');
  const side = count(map, 'side');
  if (side !== 0 && side !== 1) throw wrong('side');
  return {
    protocol: count(map, 'protocol'),
    relationship: text(map, 'relationship'),
    side,
    boot: count(map, 'boot'),
    epoch: count(map, 'epoch'),
    state: state as PairState,
    fence: count(map, 'fence'),
    born: count(map, 'born'),
    met: count(map, 'met'),
    sees: count(map, 'sees'),
    lost: map.lost === true,
    compared: map.compared === true,
    gives: map.gives === true,
    addressSpace: text(map, 'addressSpace'),
    configuration: text(map, 'configuration'),
    sections: sectionsFrom(map.sections),
    clockMs: count(map, 'clockMs'),
    aheadMs: differenceFrom(map.aheadMs),
  };
}

/** Why these two servers are no pair, as a text for people; undefined if they are one. */
export function misfit(mine: Hello, theirs: Hello): string | undefined {
  if (theirs.protocol !== mine.protocol) return `the partner speaks version ${theirs.protocol} of the protocol`;
  if (theirs.relationship !== mine.relationship) return `the partner belongs to another pair (${theirs.relationship})`;
  if (theirs.side === mine.side) return 'both servers have the same role';
  if (theirs.addressSpace !== mine.addressSpace) {
    return (
      'subnets, pools, or mode, mclt or standby-share of the pair are not the same on both servers: ' +
      'compare what config-get says on each'
    );
  }
  return undefined;
}

function sectionsFrom(json: Json | undefined): SectionDigests | undefined {
  if (json === undefined) return undefined;
  const map = typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonMap) : {};
  const digest = (name: Section): string => {
    const value = map[name];
    if (typeof value !== 'string' || value.length > 256) throw wrong('sections');
    return value;
  };
  return { options: digest('options'), reservations: digest('reservations'), policy: digest('policy') };
}

function differenceFrom(json: Json | undefined): number | undefined {
  if (json === undefined) return undefined;
  if (typeof json !== 'number' || !Number.isSafeInteger(json)) throw wrong('aheadMs');
  return json;
}

function text(map: JsonMap, name: keyof Hello): string {
  const value = map[name];
  if (typeof value !== 'string' || value.length > 256) throw wrong(name);
  return value;
}

function count(map: JsonMap, name: keyof Hello): number {
  const value = map[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(name);
  return value;
}

function wrong(name: string): CommandError {
  return new CommandError('command-invalid', `lessor-pair: ${name} is missing or not understood`);
}
