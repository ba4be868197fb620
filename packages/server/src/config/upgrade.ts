/**
 * A configuration file of an older Kea as Kea 3 and lessor want it, meaning the same: subnets numbered as Kea before 2.7
 * numbered them, the old names of reservation modes, loggers and names in the DNS where they belong. Comments and everything else stay.
 */

import { isMap } from '../domain/json.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import { ConfigError } from '../errors.js';
import { editTree, type Place, type TreeEdit, valueAt } from './edit.js';
import { editText, removeBeside } from './edit-text.js';
import { IssueList } from './issues.js';
import { parseConfigText } from './text.js';
import { isList, toJson } from './tree.js';

/** The file as it should be. */
export interface UpgradedConfig {
  readonly text: Buffer;
  /** What was changed, a line each; empty: nothing had to be. */
  readonly changes: readonly string[];
}

/** Edits of one kind, with a word on each. */
interface Step {
  readonly edits: readonly TreeEdit[];
  readonly changes: readonly string[];
}

/**
 * Upgrades the text of a file.
 * @param readFile reads included files, in which nothing is changed
 * @throws ConfigError if it can not be read; LessorError `config-edit` if what has to be changed is in an included file
 */
export function upgradeConfig(path: string, text: Buffer, readFile: (path: string) => string): UpgradedConfig {
  const issues = new IssueList();
  const node = parseConfigText(path, text.toString('latin1'), issues, readFile);
  if (issues.hasErrors) throw new ConfigError(issues.sorted('error'));
  const root = node === undefined ? null : toJson(node);
  if (!isMap(root) || !isMap(root.Dhcp4)) return { text, changes: [] };
  let tree = root.Dhcp4;
  let upgraded = text;
  const changes: string[] = [];
  const { Logging } = root;
  const steps = [numberSubnets, renameReservationModes, moveDdns, (map: JsonMap) => moveLoggers(map, Logging)];
  for (const step of steps) {
    const { edits, changes: said } = step(tree);
    tree = editTree(tree, edits);
    upgraded = editText(upgraded, edits);
    changes.push(...said);
  }
  if (Logging !== undefined) upgraded = removeBeside(upgraded, 'Logging');
  return { text: upgraded, changes };
}

/** Where subnets are, in the order in which Kea before 2.7 read them: those of shared networks first. */
function subnetPlaces(dhcp4: JsonMap): Place[] {
  const lists = [
    ...placesIn(dhcp4, ['shared-networks']).map((network): Place => [...network, 'subnet4']),
    ['subnet4'] as Place,
  ];
  return lists.flatMap((list) => placesIn(dhcp4, list));
}

/** The places of the maps of a list. */
function placesIn(tree: JsonMap, list: Place): Place[] {
  const value = valueAt(tree, list);
  if (value === undefined || !isList(value)) return [];
  return value.flatMap((item, at) => (isMap(item) ? [[...list, at]] : []));
}

/**
 * Kea before 2.7 gave every subnet without an id the next number from 1 on (seen of Kea 2.2; one that another subnet had
 * made it refuse the file, so here it is passed over). The lease file has these numbers.
 */
function numberSubnets(dhcp4: JsonMap): Step {
  const places = subnetPlaces(dhcp4);
  const idOf = (place: Place): Json | undefined => valueAt(dhcp4, [...place, 'id']);
  const taken = new Set(places.map(idOf));
  const edits: TreeEdit[] = [];
  const changes: string[] = [];
  let next = 1;
  for (const place of places) {
    const id = idOf(place);
    if (id !== undefined && id !== 0) continue;
    while (taken.has(next)) next++;
    const subnet = valueAt(dhcp4, [...place, 'subnet']);
    edits.push({ op: 'set', at: [...place, 'id'], value: next });
    changes.push(
      `subnet ${typeof subnet === 'string' ? subnet : '?'} has "id": ${next}, as Kea before 2.7 numbered it`,
    );
    next++;
  }
  return { edits, changes };
}

/** What each word of reservation-mode is today (as Kea 2.2 answers config-get). */
const RESERVATION_MODES: Readonly<Record<string, JsonMap>> = {
  all: { 'reservations-global': false, 'reservations-in-subnet': true, 'reservations-out-of-pool': false },
  'out-of-pool': { 'reservations-global': false, 'reservations-in-subnet': true, 'reservations-out-of-pool': true },
  global: { 'reservations-global': true, 'reservations-in-subnet': false },
  disabled: { 'reservations-global': false, 'reservations-in-subnet': false },
  off: { 'reservations-global': false, 'reservations-in-subnet': false },
};

function renameReservationModes(dhcp4: JsonMap): Step {
  const edits: TreeEdit[] = [];
  const changes: string[] = [];
  for (const scope of [[], ...placesIn(dhcp4, ['shared-networks']), ...subnetPlaces(dhcp4)] as Place[]) {
    const at = [...scope, 'reservation-mode'];
    const word = valueAt(dhcp4, at);
    const flags =
      typeof word === 'string' && Object.hasOwn(RESERVATION_MODES, word) ? RESERVATION_MODES[word] : undefined;
    if (flags === undefined) continue;
    edits.push({ op: 'remove', at });
    for (const [name, value] of Object.entries(flags)) edits.push({ op: 'set', at: [...scope, name], value });
    changes.push(
      `"reservation-mode": "${word}" is now ${JSON.stringify(flags).replaceAll(':', ': ').replaceAll(',', ', ')}`,
    );
  }
  return { edits, changes };
}

/** What was in dhcp-ddns until Kea 1.7 and is a parameter of all scopes since. */
const MOVED_FROM_DDNS: Readonly<Record<string, string>> = {
  'override-no-update': 'ddns-override-no-update',
  'override-client-update': 'ddns-override-client-update',
  'replace-client-name': 'ddns-replace-client-name',
  'generated-prefix': 'ddns-generated-prefix',
  'qualifying-suffix': 'ddns-qualifying-suffix',
  'hostname-char-set': 'hostname-char-set',
  'hostname-char-replacement': 'hostname-char-replacement',
};

/** Where both say something Kea went by the new place. */
function moveDdns(dhcp4: JsonMap): Step {
  const edits: TreeEdit[] = [];
  const changes: string[] = [];
  for (const [name, moved] of Object.entries(MOVED_FROM_DDNS)) {
    const at = ['dhcp-ddns', name];
    const value = valueAt(dhcp4, at);
    if (value === undefined) continue;
    edits.push({ op: 'remove', at });
    const stays = dhcp4[moved] === undefined;
    if (stays) edits.push({ op: 'set', at: [moved], value });
    changes.push(`"${name}" of dhcp-ddns is gone: ${stays ? 'it is' : 'what counted is'} "${moved}" of Dhcp4`);
  }
  return { edits, changes };
}

/** `Logging` beside Dhcp4, until Kea 1.6: its loggers of this server move in. */
function moveLoggers(dhcp4: JsonMap, logging: Json | undefined): Step {
  if (logging === undefined) return { edits: [], changes: [] };
  const given = isMap(logging) && isList(logging.loggers ?? null) ? (logging.loggers as readonly Json[]) : [];
  const ours = given.filter((logger) => isMap(logger) && /^kea-dhcp4(\.|$)/.test(String(logger.name)));
  const stay = dhcp4.loggers === undefined && ours.length > 0;
  return {
    edits: stay ? [{ op: 'set', at: ['loggers'], value: ours }] : [],
    changes: [
      stay ? '"Logging" is gone, its loggers are in Dhcp4' : '"Logging" is gone: it held nothing for this server',
    ],
  };
}
