/** What classes and subnets say for libdhcp_limits in their user-context (Kea ARM "Limits to Manage Lease Allocation"). */

import { type Limits, parseRate, RATE_UNITS } from '../domain/limits/limits.js';
import type { BuildContext } from './context.js';
import { blockOf } from './listeners.js';
import type { Section } from './section.js';

/**
 * Reads them; undefined if there are none, or the library is not there.
 * @param withLibrary libdhcp_limits is configured: without it the user-context means nothing
 */
export function limitsOf(owner: Section, withLibrary: boolean, context: BuildContext): Limits | undefined {
  const section = withLibrary ? blockOf(owner, 'limits', ['limits'], context) : undefined;
  if (section === undefined) return undefined;
  const addresses = section.integer('address-limit');
  const text = section.string('rate-limit');
  const rate = text === undefined ? undefined : parseRate(text);
  if (text !== undefined && rate === undefined) {
    const message = `"${text}" is not "N packets per UNIT", with a unit of ${RATE_UNITS.join(', ')}`;
    context.issues.error('config-range', section.positionOf('rate-limit'), message);
  }
  if (addresses === undefined && rate === undefined) return undefined;
  return { ...(addresses === undefined ? {} : { addresses }), ...(rate === undefined ? {} : { rate }) };
}

/** Warns of limits that are never asked for. */
export function warnOfIdleLimits(
  section: Section,
  {
    limits,
    onlyInAdditionalList,
    dependsOnKnown,
  }: { limits?: Limits | undefined; onlyInAdditionalList: boolean; dependsOnKnown: boolean },
  { issues }: BuildContext,
): void {
  if (limits === undefined) return;
  if (onlyInAdditionalList) {
    issues.warning(
      'config-conflict',
      section.position,
      'a class of additional lists has no limits: it is evaluated last',
    );
  } else if (limits.rate !== undefined && dependsOnKnown) {
    const message =
      'packets are counted before it is known whether the client is: a class that depends on it has no rate';
    issues.warning('config-conflict', section.position, message);
  }
}
