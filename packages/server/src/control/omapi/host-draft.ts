/** What becomes of a host by a request: the reservations it is to be, with all that OMAPI does not know of kept as it is. */

import { Result } from '@lessor/omapi';
import { hostNameOf, markOf, type OmapiMark } from '../../config/omapi-mark.js';
import { clientKeys } from '../../domain/reservation.js';
import type { ClientKey, ConfigSnapshot, Reservation } from '../../domain/snapshot.js';
import { formatIpv4, type Ipv4, type Octets } from '../../domain/values.js';
import type { Json, JsonMap } from '../command.js';
import type { ScopedReservation } from '../commands/reservations.js';
import { groupOf } from './group.js';
import { withMark } from './host-identity.js';
import type { HostInput } from './host-input.js';
import {
  addressesOf,
  exceedsStatements,
  type FoundHost,
  type HostPlace,
  identifierMember,
  identifierOf,
  keysOf,
} from './host-reservations.js';
import { invalidArgument, type OmapiContext, OmapiRefusal } from './object.js';
import {
  type ParsedStatements,
  parseStatements,
  STATEMENT_EXTENSIONS,
  STATEMENT_MEMBERS,
  statementExtensions,
  statementMembers,
} from './statements.js';

/** Membership that keeps a client from being answered: `deny booting`. */
const DROP = 'DROP';

/** The group of a host: what OMAPI put it in, else the first of its classes that is a group. */
export function groupNameOf({ userContext, clientClasses }: Reservation, snapshot: ConfigSnapshot): Octets | undefined {
  return markOf(userContext).group ?? clientClasses.find((name) => groupOf(name, snapshot) !== undefined);
}

/** What a host is to be. */
export interface HostDraft {
  readonly name: Octets;
  readonly keys: readonly ClientKey[];
  readonly addresses: readonly Ipv4[];
  readonly group: Octets | undefined;
  /** Undefined: those it has stay. */
  readonly statements: ParsedStatements | undefined;
  readonly text: Octets | undefined;
}

/** What a host is to be, of what it is and what is asked for. @throws OmapiRefusal */
export function draftOf(found: FoundHost | undefined, input: HostInput, context: OmapiContext): HostDraft {
  const { snapshot, services } = context;
  const has = (type: 'hw-address' | 'client-id'): Octets => (found === undefined ? '' : identifierOf(found, type));
  const keys = keysOf({
    hardwareAddress: input.hardwareAddress ?? has('hw-address'),
    clientIdentifier: input.clientIdentifier ?? has('client-id'),
    others: found === undefined ? [] : clientKeys(found[0].reservation).filter(isOtherKey),
  });
  if (keys.length === 0) throw invalidArgument('a host has a hardware-address or a dhcp-client-identifier');
  const name = input.name ?? hostNameOf(found![0].reservation);
  const namesake = services.reservations.of(snapshot).ofName(name);
  if (namesake.some((entry) => found === undefined || !found.includes(entry))) {
    throw new OmapiRefusal(Result.EXISTS, 'there is a host of this name');
  }
  const before = found?.[0].reservation;
  const group = input.group ?? (before && groupNameOf(before, snapshot));
  if (input.group !== undefined && input.group !== '' && groupOf(input.group, snapshot) === undefined) {
    throw new OmapiRefusal(Result.NOTFOUND, 'there is no group of this name');
  }
  if (input.statements !== undefined && found?.some(({ reservation }) => exceedsStatements(reservation))) {
    throw new OmapiRefusal(Result.EXISTS, 'this host has options that statements can not say: use reservation-update');
  }
  return {
    name,
    keys,
    addresses: input.addresses ?? (found === undefined ? [] : addressesOf(found)),
    group: group === '' ? undefined : group,
    statements: input.statements === undefined ? undefined : parseStatements(input.statements, snapshot.registry),
    text: input.statements ?? (before && markOf(before.userContext).statements),
  };
}

function isOtherKey({ identifierType }: ClientKey): boolean {
  return identifierType !== 'hw-address' && identifierType !== 'client-id';
}

/** One reservation of a host. What it has and OMAPI does not know of stays as it is. */
export function reservationAt(
  { subnetId, address }: HostPlace,
  draft: HostDraft,
  found: FoundHost | undefined,
  snapshot: ConfigSnapshot,
): ScopedReservation {
  const { name, keys, addresses, group, statements, text } = draft;
  const old = found?.find(({ reservation }) => reservation.subnetId === subnetId) ?? found?.[0];
  const members: Record<string, Json> = old === undefined ? {} : withoutDefaults(old.json);
  for (const { identifierType } of old === undefined ? [] : clientKeys(old.reservation)) delete members[identifierType];
  delete members['ip-address'];
  delete members['client-classes'];
  const before = markOf(old?.reservation.userContext);
  const parsedBefore =
    before.statements === undefined ? undefined : parseStatements(before.statements, snapshot.registry);
  if (statements !== undefined) {
    for (const member of STATEMENT_MEMBERS) delete members[member];
    if (before.statements === undefined || namesHost(parsedBefore)) delete members.hostname;
  }
  const denied = (statements ?? parsedBefore)?.denyBooting === true;
  const oldGroup = old && groupNameOf(old.reservation, snapshot);
  const kept = (old?.reservation.clientClasses ?? []).filter(
    (one) => one !== oldGroup && !(parsedBefore?.denyBooting === true && one === DROP),
  );
  const classes = [...new Set([...kept, ...(group === undefined ? [] : [group]), ...(denied ? [DROP] : [])])];
  const mark: OmapiMark = {
    name,
    ...(group === undefined ? {} : { group }),
    ...(text === undefined ? {} : { statements: text }),
    ...(addresses.length < 2 ? {} : { addresses: addresses.map(formatIpv4).join(' ') }),
    ...(before.reserved === undefined ? {} : { reserved: before.reserved }),
  };
  const [primary, ...aliases] = keys;
  const context = withMark(
    old?.reservation.userContext,
    mark,
    {
      ...(statements === undefined ? {} : statementExtensions(statements)),
      ...(aliases.length === 0 ? {} : { identifiers: aliases.map(identifierMember) }),
    },
    ['identifiers', ...(statements === undefined ? [] : STATEMENT_EXTENSIONS)],
  );
  return {
    subnetId,
    written: {
      ...identifierMember(primary!),
      ...(address === undefined ? {} : { 'ip-address': formatIpv4(address) }),
      ...members,
      ...(statements === undefined ? {} : parsedMembers(statements)),
      ...((statements ?? parsedBefore)?.useHostDeclName === true ? { hostname: name } : {}),
      ...(classes.length === 0 ? {} : { 'client-classes': classes }),
      'user-context': context,
    },
  };
}

function namesHost(parsed: ParsedStatements | undefined): boolean {
  return parsed?.hostname !== undefined || parsed?.useHostDeclName === true;
}

/** What config-get shows of members that nobody wrote must not be written: it would hide what the subnet has. */
function withoutDefaults(json: JsonMap): Record<string, Json> {
  const isDefault = (value: Json) =>
    value === '' || value === '0.0.0.0' || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(json).filter(([, value]) => !isDefault(value)));
}

function parsedMembers(parsed: ParsedStatements): Record<string, Json> {
  const { hostname } = parsed;
  return { ...statementMembers(parsed), ...(hostname === undefined ? {} : { hostname }) };
}
