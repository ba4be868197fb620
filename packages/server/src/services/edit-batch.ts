/** Edits of the configuration that can be put in force together, because none of them touches what another does. */

import type { ConfigChange, ConfigPatch, ConfigState } from '../config/change.js';
import type { ConfigEnvironment } from '../config/environment.js';
import { hostNameOf } from '../config/omapi-mark.js';
import { changeReservations } from '../config/patch-reservations.js';
import { scopedClient } from '../config/reservation-wishes.js';
import { clientKeys } from '../domain/reservation.js';
import type { Sliced } from '../domain/slices.js';
import type { Reservation } from '../domain/snapshot.js';

/** Makes the next configuration of the one in force, in slices where it takes long. Throws what the command answers. */
export type ConfigEdit = (state: ConfigState, environment: ConfigEnvironment) => ConfigPatch | Sliced<ConfigPatch>;

/** What came of a change. */
export interface EditOutcome {
  /** Why it is in memory only though it should be durable; undefined if it is where it should be. */
  readonly notWritten: string | undefined;
}

/** An edit that waits for its turn. */
export interface QueuedEdit {
  readonly edit: ConfigEdit;
  resolve(outcome: EditOutcome): void;
  reject(error: unknown): void;
}

/** Edits that are to be one change, and those whose turn comes after it. */
export interface EditBatch {
  readonly together: readonly QueuedEdit[];
  /** Undefined: there is nothing to do, each has been refused. */
  readonly patch: ConfigPatch | undefined;
  readonly later: readonly QueuedEdit[];
}

/**
 * Takes as many edits from the front as can stand side by side, each made of what is in force. The batch ends before an
 * edit that touches what one before it does, and before one that is refused: it may miss what those before it bring. In
 * front of all others a refusal is final. So edits never overtake each other. To be interrupted after each of them, and
 * within long ones, as long as nobody else changes what is in force.
 */
export function* takeTogether(
  queue: readonly QueuedEdit[],
  state: ConfigState,
  environment: ConfigEnvironment,
): Sliced<EditBatch> {
  const together: QueuedEdit[] = [];
  const patches: ConfigPatch[] = [];
  const touched = new Set<string>();
  let at = 0;
  for (; at < queue.length; at++) {
    const queued = queue[at]!;
    if (at > 0) yield;
    try {
      const made = queued.edit(state, environment);
      const patch = 'change' in made ? made : yield* made;
      const keys = keysOf(patch.change);
      if (together.length > 0 && (keys === undefined || keys.some((key) => touched.has(key)))) break;
      together.push(queued);
      patches.push(patch);
      for (const key of keys ?? []) touched.add(key);
      if (keys === undefined) {
        at++;
        break;
      }
    } catch (error) {
      if (together.length > 0) break;
      queued.reject(error);
    }
  }
  return { together, patch: patches.length < 2 ? patches[0] : merged(patches, state), later: queue.slice(at) };
}

function merged(patches: readonly ConfigPatch[], state: ConfigState): ConfigPatch {
  const changes = patches.flatMap(({ change }) => (change.kind === 'reservations' ? [change] : []));
  return changeReservations(
    state,
    changes.flatMap(({ removed }) => removed),
    changes.flatMap(({ added }) => added),
  );
}

/** What a change is about; undefined: anything. */
function keysOf(change: ConfigChange): readonly string[] | undefined {
  if (change.kind !== 'reservations') return undefined;
  return [...change.removed, ...change.added.map(({ reservation }) => reservation)].flatMap(keysOfReservation);
}

function keysOfReservation(reservation: Reservation): string[] {
  const { subnetId, address } = reservation;
  const name = hostNameOf(reservation);
  return [
    ...clientKeys(reservation).map((key) => scopedClient(subnetId, key.identifierType, key.identifier)),
    ...(address === undefined ? [] : [`address ${address}`]),
    ...(name === '' ? [] : [`name ${name}`]),
  ];
}
