/**
 * The inventory of management processors, bounded. Those that were seen on a management network have places of their
 * own: whoever makes up clients on a host network can not push them out. In each half the one not seen for the longest
 * gives way.
 */

import type { Device } from './device.js';
import type { Mac } from './mac.js';

/** See the head of this file. */
export class Inventory {
  readonly #managed = new Map<Mac, Device>();
  readonly #others = new Map<Mac, Device>();
  readonly #bySerial = new Map<string, Mac>();
  readonly #serialOf = new Map<Mac, string>();
  readonly #capacity: number;
  #evicted = 0;

  /** @param capacity places of each half */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#managed.size + this.#others.size;
  }

  /** Devices that were forgotten for want of room. */
  get evicted(): number {
    return this.#evicted;
  }

  get(mac: Mac): Device | undefined {
    return this.#managed.get(mac) ?? this.#others.get(mac);
  }

  /** The device that last had a serial number of a product. */
  bySerial(product: string, serial: string): Device | undefined {
    const mac = serial === '' ? undefined : this.#bySerial.get(keyOf(product, serial));
    return mac === undefined ? undefined : this.get(mac);
  }

  /** Puts a device in, or to the end of what gives way, into the half it belongs to. */
  put(device: Device): void {
    const { mac } = device;
    const half = device.lastManagement === undefined ? this.#others : this.#managed;
    this.#managed.delete(mac);
    this.#others.delete(mac);
    half.set(mac, device);
    this.#noteSerial(device);
    if (half.size <= this.#capacity) return;
    const [oldest] = half.keys();
    this.remove(oldest!);
    this.#evicted++;
  }

  /** Forgets a device; false if there was none. */
  remove(mac: Mac): boolean {
    this.#forgetSerial(mac);
    const managed = this.#managed.delete(mac);
    return this.#others.delete(mac) || managed;
  }

  /** All devices, in no order. */
  *all(): Iterable<Device> {
    yield* this.#managed.values();
    yield* this.#others.values();
  }

  /** Serial numbers come from packets: one for each device, whatever it says. */
  #noteSerial({ mac, product, serial }: Device): void {
    const key = serial === '' ? undefined : keyOf(product, serial);
    if (this.#serialOf.get(mac) === key) return;
    this.#forgetSerial(mac);
    if (key === undefined) return;
    this.#serialOf.set(mac, key);
    this.#bySerial.set(key, mac);
  }

  #forgetSerial(mac: Mac): void {
    const key = this.#serialOf.get(mac);
    if (key === undefined) return;
    this.#serialOf.delete(mac);
    if (this.#bySerial.get(key) === mac) this.#bySerial.delete(key);
  }
}

/** Names are the same in upper and lower case. */
function keyOf(product: string, serial: string): string {
  return `${product} ${serial.toUpperCase()}`;
}
