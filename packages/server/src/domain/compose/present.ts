/** Which of the optional parts of a reply are there, as bits of TemplateKey.present. */

import { QUARANTINED_OPTIONS } from '../guard/policy.js';
import { Code, END } from './layout.js';

/** A lease time. */
export const PRESENT_LEASE = 1;
/** T1. */
export const PRESENT_RENEWAL = 2;
/** T2. */
export const PRESENT_REBINDING = 4;
/** Option 12, made for the client. */
export const PRESENT_HOST_NAME = 8;
/** Option 81. */
export const PRESENT_FQDN = 16;
/** Options for BMCs only. */
export const PRESENT_BMC_ONLY = 32;
/** Not present: what a client in quarantine does not get. */
export const QUARANTINED = 64;

/** Codes the server sets itself, by what is present: configured values of them are not used (58 and 59 only where computed). */
export const SERVER_SET: readonly ReadonlySet<number>[] = Array.from({ length: 128 }, (_, present) => {
  const codes = new Set<number>([0, END, 50, 51, 52, 53, 55, 57, 61, 82, 97, 118]);
  if (present & PRESENT_RENEWAL) codes.add(Code.renewal);
  if (present & PRESENT_REBINDING) codes.add(Code.rebinding);
  if (present & PRESENT_HOST_NAME) codes.add(Code.hostName);
  if (present & PRESENT_FQDN) codes.add(Code.fqdn);
  if (present & QUARANTINED) for (const code of QUARANTINED_OPTIONS) codes.add(code);
  return codes;
});
