/** What of a configuration can make two replies differ: everything else must not split the template cache. */

import { type CompiledExpression, type EvaluationContext, EvaluationError } from '../classes/expression.js';
import type { ConfigSnapshot, OptionData, Reservation } from '../snapshot.js';
import { Code } from './layout.js';

/** Everything of a configuration that has options. */
export type OptionHolders = Pick<
  ConfigSnapshot,
  'options' | 'subnets' | 'pools' | 'sharedNetworks' | 'classes' | 'reservations'
>;

/** True if any vendor option is configured: only then do the client's vendor options matter. */
export function usesVendorOptions(snapshot: ConfigSnapshot): boolean {
  return allOptionLists(snapshot).some(haveVendorOptions);
}

function haveVendorOptions(options: readonly OptionData[]): boolean {
  return options.some((option) => option.space.startsWith('vendor-') || option.code === Code.vendorIdentifying);
}

/** True if any option is for BMCs only. */
export function usesBmcOnlyOptions(snapshot: OptionHolders): boolean {
  return allOptionLists(snapshot).some(haveBmcOnlyOptions);
}

function haveBmcOnlyOptions(options: readonly OptionData[]): boolean {
  return options.some(({ bmcOnly }) => bmcOnly === true);
}

/**
 * True if what was found out about a configuration holds with these reservations too.
 * @param vendorOptions what {@link usesVendorOptions} said
 * @param classes what {@link tellingClasses} said
 * @param bmcOnly what {@link usesBmcOnlyOptions} said
 */
export function tellsNothingNew(
  reservations: readonly Reservation[],
  vendorOptions: boolean,
  classes: ReadonlySet<string>,
  bmcOnly: boolean,
): boolean {
  return optionListsOf(reservations).every(
    (options) =>
      (vendorOptions || !haveVendorOptions(options)) &&
      (bmcOnly || !haveBmcOnlyOptions(options)) &&
      options.every(({ clientClasses }) => clientClasses.every((name) => classes.has(name))),
  );
}

/** Names of classes that bring options or boot fields, or that guard an option. */
export function tellingClasses(snapshot: ConfigSnapshot): Set<string> {
  const names = new Set<string>();
  for (const row of snapshot.classes) {
    const hasBoot = row.nextServer !== undefined || row.serverHostname !== undefined || row.bootFileName !== undefined;
    if (row.options.length > 0 || hasBoot) names.add(row.name);
  }
  for (const options of allOptionLists(snapshot)) {
    for (const option of options) for (const name of option.clientClasses) names.add(name);
  }
  return names;
}

/** The reservation if it changes what is sent; most only fix an address, and all of those share one template. */
export function tellingHost(host: Reservation | undefined): Reservation | undefined {
  if (host === undefined) return undefined;
  const hasBoot = host.nextServer !== undefined || host.serverHostname !== undefined || host.bootFileName !== undefined;
  return host.options.length > 0 || hasBoot ? host : undefined;
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
export function allOptionLists(snapshot: OptionHolders): (readonly OptionData[])[] {
  const rows = [...snapshot.subnets, ...snapshot.pools, ...snapshot.sharedNetworks, ...snapshot.classes];
  return [snapshot.options, ...rows.map((row) => row.options), ...optionListsOf(snapshot.reservations)];
}

/** Options of reservations, and of what they are in certain cases. */
function optionListsOf(reservations: readonly Reservation[]): (readonly OptionData[])[] {
  return reservations.flatMap(({ options, cases = [] }) => [
    options,
    ...cases.map(({ reservation }) => reservation.options),
  ]);
}
