/** What of a configuration can make two replies differ: everything else must not split the template cache. */

import { type CompiledExpression, type EvaluationContext, EvaluationError } from '../classes/expression.js';
import type { Sliced } from '../slices.js';
import type { ClientClass, ConfigSnapshot, OptionData, Reservation } from '../snapshot.js';
import { Code } from './layout.js';

type BootHolder = Pick<ClientClass | Reservation, 'nextServer' | 'serverHostname' | 'bootFileName'>;

/** Everything of a configuration that has options. */
export type OptionHolders = Pick<
  ConfigSnapshot,
  'options' | 'subnets' | 'pools' | 'sharedNetworks' | 'classes' | 'reservations'
>;

/** What of the options of a configuration decides how many templates there are. */
export interface OptionFacts {
  /** Any vendor option is configured: only then do the client's vendor options matter. */
  readonly vendorOptions: boolean;
  /** Any option is for BMCs only. */
  readonly bmcOnly: boolean;
  /** Names of classes that bring options or boot fields, or that guard an option. */
  readonly tellingClasses: ReadonlySet<string>;
}

/** Looks through a configuration, to be interrupted after every list of options. */
export function* optionFacts(snapshot: OptionHolders): Sliced<OptionFacts> {
  let [vendorOptions, bmcOnly] = [false, false];
  const telling = snapshot.classes.filter((row) => row.options.length > 0 || hasBootFields(row));
  const tellingClasses = new Set(telling.map(({ name }) => name));
  for (const options of allOptionLists(snapshot)) {
    vendorOptions ||= haveVendorOptions(options);
    bmcOnly ||= haveBmcOnlyOptions(options);
    for (const { clientClasses } of options) for (const name of clientClasses) tellingClasses.add(name);
    yield;
  }
  return { vendorOptions, bmcOnly, tellingClasses };
}

/** The facts once there are these reservations, too; the same object if they tell nothing new. */
export function withReservations(facts: OptionFacts, reservations: readonly Reservation[]): OptionFacts {
  return [...optionListsOf(reservations)].reduce(withOptions, facts);
}

function withOptions(facts: OptionFacts, options: readonly OptionData[]): OptionFacts {
  if (tellNothingNew(facts, options)) return facts;
  return {
    vendorOptions: facts.vendorOptions || haveVendorOptions(options),
    bmcOnly: facts.bmcOnly || haveBmcOnlyOptions(options),
    tellingClasses: new Set([...facts.tellingClasses, ...options.flatMap(({ clientClasses }) => clientClasses)]),
  };
}

function tellNothingNew(
  { vendorOptions, bmcOnly, tellingClasses }: OptionFacts,
  options: readonly OptionData[],
): boolean {
  return (
    (vendorOptions || !haveVendorOptions(options)) &&
    (bmcOnly || !haveBmcOnlyOptions(options)) &&
    options.every(({ clientClasses }) => clientClasses.every((name) => tellingClasses.has(name)))
  );
}

function haveVendorOptions(options: readonly OptionData[]): boolean {
  return options.some((option) => option.space.startsWith('vendor-') || option.code === Code.vendorIdentifying);
}

/** True if any option is for BMCs only. */
export function usesBmcOnlyOptions(snapshot: OptionHolders): boolean {
  return [...allOptionLists(snapshot)].some(haveBmcOnlyOptions);
}

function haveBmcOnlyOptions(options: readonly OptionData[]): boolean {
  return options.some(({ bmcOnly }) => bmcOnly === true);
}

/** The reservation if it changes what is sent; most only fix an address, and all of those share one template. */
export function tellingHost(host: Reservation | undefined): Reservation | undefined {
  if (host === undefined) return undefined;
  return host.options.length > 0 || hasBootFields(host) ? host : undefined;
}

function hasBootFields({ nextServer, serverHostname, bootFileName }: BootHolder): boolean {
  return nextServer !== undefined || serverHostname !== undefined || bootFileName !== undefined;
}

/** The reservation as it is for a packet: its first case that the packet fulfils, else what it is without cases. */
export function hostInCase(host: Reservation | undefined, packet: EvaluationContext): Reservation | undefined {
  return host?.cases?.find(({ test }) => test === undefined || fulfils(packet, test))?.reservation ?? host;
}

function fulfils(packet: EvaluationContext, test: CompiledExpression<boolean>): boolean {
  try {
    return test.evaluate(packet);
  } catch (error) {
    // As with classes: what can not be computed is not fulfilled.
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}

/** The option lists of all of them. */
export function* allOptionLists(holders: OptionHolders): Generator<readonly OptionData[]> {
  yield holders.options;
  for (const rows of [holders.subnets, holders.pools, holders.sharedNetworks, holders.classes]) {
    for (const { options } of rows) yield options;
  }
  yield* optionListsOf(holders.reservations);
}

/** Options of reservations, and of what they are in certain cases. */
function* optionListsOf(reservations: readonly Reservation[]): Generator<readonly OptionData[]> {
  for (const { options, cases = [] } of reservations) {
    yield options;
    for (const { reservation } of cases) yield reservation.options;
  }
}
