/** From the JSON of an answer to its octets, without holding up packets, however long it is. */

import { formatJson, formatJsonAround, formatJsonPieces, type JsonMap } from '@lessor/kea';
import { isFlat } from '../config/json-digest.js';
import { isHashedTree } from '../config/snapshot-hash.js';
import type { Sliced } from '../domain/slices.js';
import { inSlices, type WorkClock } from '../services/in-slices.js';

/** Octets that become one buffer: to put more together takes too long for one slice. */
const OCTETS_PER_PART = 16 * 1024;

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

/** Kea's text of an answer, formatted in slices. */
export async function renderJson(json: JsonMap, clock: WorkClock): Promise<Buffer[]> {
  if (json.arguments === undefined || isFlat(json.arguments)) return [Buffer.from(formatJson(json), 'latin1')];
  const parts = await inSlices(textSliced(formatJsonAround(json, PIECEWISE_DEPTH, isHashedTree)), clock);
  const buffers: Buffer[] = [];
  for (const part of parts) {
    if (Buffer.isBuffer(part)) buffers.push(part);
    else buffers.push(...(await configText(part, clock)));
  }
  return buffers;
}

/** The octets of the text; a map stands where its text is to be put in. */
function* textSliced(pieces: Iterable<string | JsonMap>): Sliced<(Buffer | JsonMap)[]> {
  const parts: (Buffer | JsonMap)[] = [];
  let pending = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') pending += piece;
    else {
      parts.push(Buffer.from(pending, 'latin1'), piece);
      pending = '';
    }
    if (pending.length >= OCTETS_PER_PART) {
      parts.push(Buffer.from(pending, 'latin1'));
      pending = '';
    }
    yield;
  }
  parts.push(Buffer.from(pending, 'latin1'));
  return parts;
}

function configText(tree: JsonMap, clock: WorkClock): Promise<readonly Buffer[]> {
  let text = configTexts.get(tree);
  if (text === undefined) {
    text = inSlices(textSliced(formatJsonPieces(tree, CONFIG_DEPTH)), clock) as Promise<Buffer[]>;
    configTexts.set(tree, text);
  }
  return text;
}
