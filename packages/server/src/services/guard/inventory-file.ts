/**
 * The inventory of BMCs across restarts: a file with a line of JSON for each device, written some time after something
 * changed, in one step. What is lost by a crash is at most the last half minute, and only of what is known about devices.
 */

import { deviceFromJson, deviceToJson } from '../../domain/guard/device-json.js';
import type { Inventory } from '../../domain/guard/inventory.js';
import type { Sliced } from '../../domain/slices.js';
import { inSlices } from '../in-slices.js';
import type { Cancel, Clock, Logger, PrivateFiles } from '../ports.js';

/** How long changes are gathered. */
const WRITE_AFTER_MS = 30_000;
const NAME = 'bmc-inventory.jsonl';
/** Longest file that is read: many times what the inventory can be. */
const MAX_OCTETS = 64 << 20;

/** What it needs. */
export interface InventoryFileDependencies {
  readonly files: PrivateFiles;
  readonly inventory: Inventory;
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'soon'>;
  readonly logger: Logger;
}

/** See the head of this file. */
export class InventoryFile {
  readonly #deps: InventoryFileDependencies;
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;
  #failed = false;

  constructor(deps: InventoryFileDependencies) {
    this.#deps = deps;
  }

  /** Reads the file, if there is one. Lines that are no device are left out and counted; nothing here stops a server. */
  async load(): Promise<void> {
    const { files, inventory, logger } = this.#deps;
    try {
      const octets = await files.read(NAME);
      if (octets === undefined) return;
      if (octets.length > MAX_OCTETS) throw new Error(`it has ${octets.length} octets`);
      let bad = 0;
      for (const line of octets.toString('utf8').split('\n')) {
        if (line === '') continue;
        const device = deviceFromJson(parsed(line));
        if (device === undefined) bad++;
        else inventory.put(device);
      }
      if (bad > 0) logger.log('WARN', 'LESSOR_GUARD_INVENTORY', `${bad} lines of ${NAME} are no devices: left out`);
    } catch (error) {
      logger.log('ERROR', 'LESSOR_GUARD_INVENTORY', `${NAME} can not be read: ${(error as Error).message}`);
    }
  }

  /** Something changed: it will be written. */
  changed(): void {
    this.#timer ??= this.#deps.clock.after(WRITE_AFTER_MS, () => {
      this.#timer = undefined;
      void this.#write();
    });
  }

  /** Writes what is left to be written. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#timer === undefined) return;
    this.#timer();
    this.#timer = undefined;
    await this.#write();
  }

  #write(): Promise<void> {
    this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#writeNow());
    return this.#writing;
  }

  async #writeNow(): Promise<void> {
    const { files, inventory, clock, logger } = this.#deps;
    try {
      const text = await inSlices(textOf(inventory), clock);
      await files.write(NAME, Buffer.from(text));
      this.#failed = false;
    } catch (error) {
      // Once is enough: it is tried again with every change.
      if (!this.#failed) {
        logger.log('ERROR', 'LESSOR_GUARD_INVENTORY', `${NAME} can not be written: ${(error as Error).message}`);
      }
      this.#failed = true;
    }
  }
}

function* textOf(inventory: Inventory): Sliced<string> {
  const lines: string[] = [];
  // Devices may come and go between the slices.
  for (const device of [...inventory.all()]) {
    lines.push(`${JSON.stringify(deviceToJson(device))}\n`);
    yield;
  }
  return lines.join('');
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
