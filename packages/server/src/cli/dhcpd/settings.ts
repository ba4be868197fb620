/** What a scope of dhcpd.conf says of its clients: options, boot fields, lease times, and what depends on conditions. */

import type { OptionRegistry } from '@lessor/dhcp';
import { formatUpperHex } from '../../config/values.js';
import { OmapiRefusal } from '../../control/omapi/object.js';
import { type ParsedStatements, parseStatements, statementMembers } from '../../control/omapi/statements.js';
import type { JsonMap } from '../../domain/snapshot.js';
import { unaskedCodes } from './definitions.js';
import type { Notes } from './notes.js';
import { notePlain } from './plain.js';
import { type ConfStatement, isWord } from './tree.js';

/** Words that set something for clients. Their meaning is that of OMAPI's statements (control/omapi/statements.ts). */
const SETTINGS: ReadonlySet<string> = new Set([
  'option',
  'send',
  'supersede',
  'append',
  'prepend',
  'default',
  'filename',
  'server-name',
  'next-server',
  'always-broadcast',
  'vendor-option-space',
  'default-lease-time',
  'min-lease-time',
  'max-lease-time',
  'server-identifier',
  'ddns-hostname',
  'if',
]);

const HOST_NAME = 12;

/** True for a statement that {@link readSettings} reads. */
export function isSetting(statement: ConfStatement): boolean {
  const { words, body } = statement;
  const [word, name, code] = words;
  if (body !== undefined || word?.kind !== 'text' || unaskedCodes(statement) !== undefined) return false;
  // These define options and set none.
  if (isWord(word, 'option') && (isWord(name, 'space') || isWord(code, 'code'))) return false;
  return SETTINGS.has(word.text.toLowerCase());
}

/** Lease times in seconds, each as it is inherited. */
export interface LeaseTimes {
  readonly defaultSec: number;
  readonly minSec: number;
  readonly maxSec: number;
}

/** dhcpd's own, where the file says nothing (server/confpars, dhcpd.conf(5)). */
export const DHCPD_LEASE_TIMES: LeaseTimes = { defaultSec: 43_200, minSec: 300, maxSec: 86_400 };

/** Reads them; one that is not understood is noted and left out, so that the others are not lost with it. */
export function readSettings(
  statements: readonly ConfStatement[],
  registry: OptionRegistry,
  notes: Notes,
): ParsedStatements {
  const good = statements.filter((statement) => {
    try {
      parseStatements(textOf(statement), registry, (words) => notePlain({ ...statement, words }, notes));
      return true;
    } catch (error) {
      if (!(error instanceof OmapiRefusal)) throw error;
      notes.lost(statement, error.message.replace(/^statement '.*?': /s, ''));
      return false;
    }
  });
  // What has no effect was noted above.
  return parseStatements(good.map(textOf).join('\n'), registry, () => undefined);
}

/** The statement as it stands; `server-identifier` is an option like others (54). */
function textOf({ words, text }: ConfStatement): string {
  return isWord(words[0], 'server-identifier') ? `option dhcp-server-identifier ${words[1]?.text};` : text;
}

/** Members of a scope that is no host: boot fields and options, the host name as an option like others. */
export function scopeMembers(settings: Omit<ParsedStatements, 'denyBooting'>): Record<string, JsonMap[string]> {
  const { hostname, optionData } = settings;
  const name = hostname === undefined ? [] : [{ code: HOST_NAME, 'csv-format': false, data: formatUpperHex(hostname) }];
  return statementMembers({ ...settings, optionData: [...optionData, ...name] });
}

/** The lease times that hold in a scope. */
export function leaseTimesOf(settings: ParsedStatements, outer: LeaseTimes): LeaseTimes {
  return {
    defaultSec: settings.defaultLeaseTime ?? outer.defaultSec,
    minSec: settings.minLeaseTime ?? outer.minSec,
    maxSec: settings.maxLeaseTime ?? outer.maxSec,
  };
}

/** Members for them, where they differ from those around. Kea wants min <= default <= max; dhcpd bends the default. */
export function leaseTimeMembers(times: LeaseTimes, outer: LeaseTimes | undefined): JsonMap {
  const { defaultSec, minSec, maxSec } = times;
  if (outer?.defaultSec === defaultSec && outer.minSec === minSec && outer.maxSec === maxSec) return {};
  const valid = Math.max(Math.min(defaultSec, maxSec), minSec);
  return {
    'valid-lifetime': valid,
    'min-valid-lifetime': minSec,
    'max-valid-lifetime': Math.max(maxSec, minSec),
  };
}
