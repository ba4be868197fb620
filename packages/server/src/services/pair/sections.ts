/**
 * The sections of a configuration whose digests go with every heartbeat of a pair: options, reservations, and policy, which
 * is all the rest. (Addresses and subnets are another matter: there the two servers must not differ at all.)
 */

import { isMap } from '../../domain/json.js';
import type { SectionDigests } from '../../domain/pair/file.js';
import { mapSliced, type Sliced } from '../../domain/slices.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';

/** A section with a digest of its own. */
export type Section = keyof SectionDigests;

/** A place in a configuration belongs to one of these. */
export type PlaceSection = Section | 'address-space';

/** The sections, in the order in which they are told. */
export const SECTIONS: readonly Section[] = ['options', 'reservations', 'policy'];

/** Members of a configuration, at any depth, that are not policy. */
const MEMBERS: Readonly<Record<string, Section>> = {
  'option-data': 'options',
  'option-def': 'options',
  'next-server': 'options',
  'server-hostname': 'options',
  'boot-file-name': 'options',
  reservations: 'reservations',
  'host-reservation-identifiers': 'reservations',
  'reservation-mode': 'reservations',
  'reservations-global': 'reservations',
  'reservations-in-subnet': 'reservations',
  'reservations-out-of-pool': 'reservations',
};

/** Lists whose entries are taken apart. */
const LISTS: ReadonlySet<string> = new Set(['shared-networks', 'subnet4', 'pools', 'client-classes']);

/** What tells an entry of such a list from others: kept in every section. */
const NAMES: ReadonlySet<string> = new Set(['id', 'subnet', 'pool', 'name']);

/** The part of Dhcp4 that belongs to a section, to be interrupted after every entry of a list. */
export function* partOf(section: Section, dhcp4: JsonMap): Sliced<JsonMap> {
  const part: Record<string, Json> = {};
  for (const [name, value] of Object.entries(dhcp4)) {
    if (LISTS.has(name) && Array.isArray(value)) {
      const entries = yield* mapSliced(value as readonly Json[], (entry) => entryPart(section, entry));
      put(part, name, entries);
    } else if ((MEMBERS[name] ?? 'policy') === section) part[name] = value;
  }
  return part;
}

function entryPart(section: Section, entry: Json): Json | undefined {
  if (!isMap(entry)) return section === 'policy' ? entry : undefined;
  const part: Record<string, Json> = {};
  let named = 0;
  for (const [name, value] of Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (LISTS.has(name) && Array.isArray(value)) {
      put(
        part,
        name,
        value.map((inner: Json) => entryPart(section, inner)),
      );
    } else if (NAMES.has(name)) {
      part[name] = value;
      named++;
    } else if ((MEMBERS[name] ?? 'policy') === section) part[name] = value;
  }
  // An entry that says nothing of this section does not belong to it; that it is there at all is policy.
  return section === 'policy' || Object.keys(part).length > named ? part : undefined;
}

function put(part: Record<string, Json>, name: string, entries: readonly (Json | undefined)[]): void {
  const kept = entries.filter((entry) => entry !== undefined);
  if (kept.length > 0) part[name] = kept;
}

/** To which section a place belongs, by its path as drift has it: `subnet4[id=7].option-data[code=3].data`. */
export function sectionOfPath(path: string): PlaceSection {
  const words = path.replace(/\[[^\]]*\]/g, '[]').split('.');
  for (const word of words) {
    const section = MEMBERS[word.replace('[]', '')];
    if (section !== undefined) return section;
  }
  const last = words.at(-1) ?? '';
  const isPlace = words.every((word) => LISTS.has(word.replace('[]', '')) || word === last);
  const isAddress = ['subnet4', 'subnet4[]', 'pools', 'pools[]', 'subnet', 'pool', 'id', 'shared-networks[]'];
  return isPlace && isAddress.includes(last) ? 'address-space' : 'policy';
}

/** Sections in which two configurations differ. */
export function driftedSections(mine: SectionDigests, theirs: SectionDigests): Section[] {
  return SECTIONS.filter((section) => mine[section] !== theirs[section]);
}

/** On which server a section was changed since both had the same. */
export type ChangedOn = 'here' | 'there' | 'both' | 'unknown';

/** See {@link ChangedOn}. @param agreed what both had; undefined if nobody remembers */
export function changedOn(
  section: Section,
  mine: SectionDigests,
  theirs: SectionDigests,
  agreed: SectionDigests | undefined,
): ChangedOn {
  if (agreed === undefined) return 'unknown';
  if (agreed[section] === theirs[section]) return 'here';
  return agreed[section] === mine[section] ? 'there' : 'both';
}
