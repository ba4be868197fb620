/** From the JSON of an answer to its octets, without holding up packets, however long it is. */

import { formatJson, formatJsonAround, formatJsonPieces, type JsonMap } from '@lessor/kea';
import { isFlat } from '../config/json-digest.js';
import { isHashedTree } from '../config/snapshot-hash.js';
import type { Clock } from '../services/ports.js';

/** Octets formatted before the loop may look at its packets again. */
export const OCTETS_PER_TURN = 64 * 1024;

/**
 * Depth down to which an answer is formatted piece by piece: to the leases of a list, and in config-get to the
 * reservations of a subnet of a shared network (answer, arguments, Dhcp4, networks, network, subnets, subnet,
 * reservations).
 */
const PIECEWISE_DEPTH = 8;
/** The same from `Dhcp4` on. */
const CONFIG_DEPTH = PIECEWISE_DEPTH - 2;

/**
 * Texts of configurations that were asked for (config-get): of ten thousand subnets it takes a third of a second to
 * make, so it is made once and goes with the configuration.
 */
const configTexts = new WeakMap<JsonMap, Promise<readonly Buffer[]>>();

/** Kea's text of an answer, formatted in turns. */
export async function renderJson(json: JsonMap, clock: Pick<Clock, 'soon'>): Promise<Buffer[]> {
  if (json.arguments === undefined || isFlat(json.arguments)) return [Buffer.from(formatJson(json), 'latin1')];
  return inTurns(formatJsonAround(json, PIECEWISE_DEPTH, isHashedTree), clock);
}

async function inTurns(pieces: Iterable<string | JsonMap>, clock: Pick<Clock, 'soon'>): Promise<Buffer[]> {
  const buffers: Buffer[] = [];
  let pending = '';
  for (const piece of pieces) {
    if (typeof piece !== 'string') {
      buffers.push(Buffer.from(pending, 'latin1'), ...(await configText(piece, clock)));
      pending = '';
    } else {
      pending += piece;
      if (pending.length < OCTETS_PER_TURN) continue;
      buffers.push(Buffer.from(pending, 'latin1'));
      pending = '';
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }
  buffers.push(Buffer.from(pending, 'latin1'));
  return buffers;
}

function configText(tree: JsonMap, clock: Pick<Clock, 'soon'>): Promise<readonly Buffer[]> {
  let text = configTexts.get(tree);
  if (text === undefined) {
    text = inTurns(formatJsonPieces(tree, CONFIG_DEPTH), clock);
    configTexts.set(tree, text);
  }
  return text;
}
