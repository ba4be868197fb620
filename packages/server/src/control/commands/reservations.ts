/**
 * Host reservations (Kea: libdhcp_host_cmds). They live in the configuration, and changes are durable before the
 * answer leaves. Where Kea would go to a database unless told otherwise, memory is meant: there is no database.
 */

import type { MadeReservation } from '../../config/change.js';
import type { ConfigEnvironment } from '../../config/environment.js';
import { formatIdentifier } from '../../config/identifiers.js';
import { changeReservations, makeReservation } from '../../config/patch-reservations.js';
import { clientKeys } from '../../domain/reservation.js';
import type { ConfigSnapshot, Reservation } from '../../domain/snapshot.js';
import { formatHex, formatIpv4, parseIpv4, type SubnetId } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { EditOutcome } from '../../services/edit-batch.js';
import type { DirectoryEntry, ReservationDirectory } from '../../services/reservation-directory.js';
import { argumentMap, invalid, memberOf } from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, type JsonMap, Result } from '../command.js';
import { changeText, wordedForSender } from '../config-words.js';
import {
  checkScope,
  missingSubnetId,
  type ReservationKey,
  readParameters,
  readReservationKey,
  readTarget,
  splitReservation,
} from '../reservation-arguments.js';
import type { ControlServices } from '../services.js';

const hook = 'host_cmds';
const TARGET = { 'operation-target': { type: 'a word: memory, database, all or default', optional: true } } as const;
const WRITTEN = { reservation: { type: 'a map', optional: false }, ...TARGET } as const;
const KEY = {
  'subnet-id': { type: 'an integer', optional: false },
  'ip-address': { type: 'a string', optional: true },
  'identifier-type': { type: 'a string', optional: true },
  identifier: { type: 'a string', optional: true },
  ...TARGET,
} as const;

/** The rows that change reservations; those that read them are in reservation-queries.ts. */
export const RESERVATION_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'reservation-add',
    access: 'write',
    hook,
    summary: 'adds a reservation to a subnet, or a global one (subnet-id 0)',
    args: WRITTEN,
    run: (command, services) => add(command, services),
  },
  {
    name: 'reservation-update',
    access: 'write',
    hook,
    summary: 'replaces the reservation of a client in a subnet',
    args: WRITTEN,
    run: (command, services) => update(command, services),
  },
  {
    name: 'reservation-del',
    access: 'write',
    hook,
    summary: 'removes a reservation, by subnet-id and ip-address, or subnet-id, identifier-type and identifier',
    args: KEY,
    run: (command, services) => remove(command, services),
  },
];

async function add(command: ControlCommand, { config, reservations }: ControlServices): Promise<CommandResult> {
  const args = argumentMap(command, { noMap: () => 'Parameters missing or are not a map.' });
  if (args === undefined) throw invalid('no parameters specified for the command');
  const target = readTarget(args);
  const given = memberOf(args, 'reservation');
  if (given === undefined) throw invalid('reservation must be specified');
  const { written, subnetId } = splitReservation(given);
  const outcome = await wordedForSender(() =>
    config.edit((state, environment) => {
      const made = make(written, subnetId ?? scopeOf(written, state.snapshot), state.snapshot, environment, () => {
        if (target === 'database') throw invalid('Host database not available, cannot add host.');
      });
      checkUnique(made.reservation, reservations.of(state.snapshot), state.snapshot, []);
      return changeReservations(state, [], [made]);
    }),
  );
  const text = `Host added.${subnetId === undefined ? ' subnet-id not specified, assumed global (subnet-id 0).' : ''}`;
  return { result: Result.success, text: changeText(text, outcome) };
}

/** Without a subnet-id a reservation is global; but with an address it was probably forgotten. @throws CommandError */
function scopeOf(written: JsonMap, config: ConfigSnapshot): SubnetId {
  const address = memberOf(written, 'ip-address');
  const reserved = typeof address === 'string' ? parseIpv4(address) : undefined;
  if (reserved !== undefined) throw invalid(missingSubnetId(reserved, config));
  return 0;
}

function make(
  written: JsonMap,
  subnetId: SubnetId,
  config: ConfigSnapshot,
  environment: ConfigEnvironment,
  checkTarget: () => void,
): MadeReservation {
  checkTarget();
  checkScope(subnetId, memberOf(written, 'ip-address'), config);
  return makeReservation(written, subnetId, config, environment);
}

async function update(command: ControlCommand, { config, reservations }: ControlServices): Promise<CommandResult> {
  const args = argumentMap(command, { noMap: () => "invalid command: expected 'arguments' to be a map" });
  if (args === undefined) throw invalid("invalid command: does not contain mandatory 'arguments'");
  const given = memberOf(args, 'reservation');
  if (given === undefined) {
    throw invalid(
      "invalid command: expected 'reservation' as the sole parameter inside the 'arguments' map, didn't get it instead",
    );
  }
  const target = readTarget(args);
  const { written, subnetId } = splitReservation(given);
  if (subnetId === undefined) {
    throw invalid(
      "Mandatory 'subnet-id' parameter missing. Use `reservation-get-by-id' or 'reservation-get-by-address' to get " +
        'the list of reservations with given identifier or address.',
    );
  }
  const outcome = await wordedForSender(() =>
    config.edit((state, environment) => {
      const made = make(written, subnetId, state.snapshot, environment, () => {
        if (target === 'database') throw invalid('host database not available, cannot update host');
      });
      const directory = reservations.of(state.snapshot);
      const { identifierType, identifier } = made.reservation;
      const old = directory.find(subnetId, identifierType, identifier)?.reservation;
      if (old === undefined) throw invalid('Host not updated (not found).');
      checkUnique(made.reservation, directory, state.snapshot, [old]);
      return changeReservations(state, [old], [made]);
    }),
  );
  return { result: Result.success, text: changeText('Host updated.', outcome) };
}

async function remove(command: ControlCommand, { config, reservations }: ControlServices): Promise<CommandResult> {
  const args = readParameters(command);
  const key = readReservationKey(args);
  if (readTarget(args) === 'database') {
    throw invalid('Unable to delete a host because there is no hosts-databases configured.');
  }
  let outcome: EditOutcome | undefined;
  let more = true;
  // An address that need not be unique may have several in one subnet.
  for (; more; ) {
    const done = await config.edit((state) => {
      const [entry, ...others] = reservationsOf(key, reservations.of(state.snapshot));
      if (entry === undefined) {
        throw new CommandError('command-invalid', 'Host not deleted (not found).', Result.empty);
      }
      more = others.length > 0;
      return changeReservations(state, [entry.reservation], []);
    });
    outcome = done;
  }
  return { result: Result.success, text: changeText('Host deleted.', outcome!) };
}

/** A reservation with its scope, as it is to stand in the configuration. */
export interface ScopedReservation {
  readonly subnetId: SubnetId;
  readonly written: JsonMap;
}

/**
 * Puts reservations in the place of others, all in one change: what OMAPI's hosts are made, changed and removed by. The
 * checks are those of reservation-add.
 * @throws what reservation-add answers with; nothing has changed
 */
export function replaceReservations(
  { config, reservations }: Pick<ControlServices, 'config' | 'reservations'>,
  old: readonly Reservation[],
  next: readonly ScopedReservation[],
): Promise<EditOutcome> {
  return wordedForSender(() =>
    config.edit((state, environment) => {
      const made = next.map(({ written, subnetId }) =>
        make(written, subnetId, state.snapshot, environment, () => undefined),
      );
      const directory = reservations.of(state.snapshot);
      for (const { reservation } of made) checkUnique(reservation, directory, state.snapshot, old);
      return changeReservations(state, old, made);
    }),
  );
}

/** The reservations a key names. */
export function reservationsOf(
  { subnetId, address, client }: ReservationKey,
  directory: ReservationDirectory,
): readonly DirectoryEntry[] {
  if (address !== undefined) {
    return directory.ofAddress(address).filter(({ reservation }) => reservation.subnetId === subnetId);
  }
  const found = client && directory.find(subnetId, client.type, client.octets);
  return found === undefined ? [] : [found];
}

/**
 * @param except reservations that are about to go
 * @throws CommandError in Kea's words if client or address have a reservation in the same scope
 */
function checkUnique(
  reservation: Reservation,
  directory: ReservationDirectory,
  config: ConfigSnapshot,
  except: readonly Reservation[],
): void {
  const { subnetId } = reservation;
  const taken = clientKeys(reservation).find(({ identifierType, identifier }) =>
    directory
      .ofClient(identifierType, identifier)
      .some((entry) => entry.reservation.subnetId === subnetId && !except.includes(entry.reservation)),
  );
  if (taken !== undefined) {
    const { identifierType, identifier } = taken;
    const written = formatIdentifier(identifierType, identifier);
    if (identifierType === 'hw-address' || identifierType === 'duid') {
      const kind = identifierType === 'duid' ? 'DUID' : 'HW address';
      throw invalid(
        `failed to add new host using the ${kind} '${written}' to the IPv4 subnet id '${subnetId}' as this host has ` +
          'already been added',
      );
    }
    throw invalid(`failed to add duplicate IPv4 host using identifier: ${identifierType}=${written}`);
  }
  checkAddressUnique(reservation, directory, config, except);
}

function checkAddressUnique(
  { address, subnetId, identifierType, identifier }: Reservation,
  directory: ReservationDirectory,
  { ipReservationsUnique }: ConfigSnapshot,
  except: readonly Reservation[],
): void {
  if (address === undefined || !ipReservationsUnique) return;
  const taken = directory
    .ofAddress(address)
    .some(({ reservation }) => reservation.subnetId === subnetId && !except.includes(reservation));
  if (!taken) return;
  const [hw, duid] = (['hw-address', 'duid'] as const).map((type) =>
    type === identifierType ? formatHex(identifier) : '(null)',
  );
  // The quotation mark Kea forgets is missing here too: clients compare.
  throw invalid(
    `failed to add new host using the HW address '${hw} and DUID '${duid}' to the IPv4 subnet id '${subnetId}' for ` +
      `the address ${formatIpv4(address)}: There's already a reservation for this address`,
  );
}
