/** The object omshell works on: values set here and values received, which of them to send, and how they are printed. */

import { type Entry, encodeUint32, formatHex } from '@lessor/omapi';

/** A value. What came from the server has no type, so it is data; null is "unset". */
export type ShellValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly octets: Uint8Array }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  | null;

interface Slot {
  value: ShellValue;
  /** To be sent with the next open, create or update. */
  changed: boolean;
}

/** An attribute with which dhcpd tells its own handle by accident; omshell keeps it to itself. */
const HANDLE_ATTRIBUTE = 'remote-handle';

/** Longest string printed; the rest is cut off. */
const MAX_SHOWN_STRING = 1022;
/** Longest data printed in hexadecimal: longer prints as nothing. */
const MAX_SHOWN_HEX = 341;

/** An object on its way between the user and the server. */
export class ShellObject {
  /** 0 until the server has answered. */
  handle = 0;
  private readonly slots = new Map<string, Slot>();

  constructor(readonly type: string) {}

  /** Sets a value: in its old place if the name is there, else at the end. */
  set(name: string, value: ShellValue): void {
    if (name === HANDLE_ATTRIBUTE) {
      if (value?.kind === 'number') this.handle = value.value >>> 0;
      return;
    }
    const slot = this.slots.get(name);
    if (slot === undefined) this.slots.set(name, { value, changed: true });
    else Object.assign(slot, { value, changed: true });
  }

  /** What an open, create or update sends. Null goes as an empty value; a name that is empty can not go. */
  changes(): Entry[] {
    return [...this.slots]
      .filter(([name, slot]) => slot.changed && name !== '')
      .map(([name, { value }]) => [name, encodeValue(value)]);
  }

  /** Takes over what the server sent. Everything is then known to it, and what was unset is gone. */
  receive(handle: number, attributes: Iterable<Entry>): void {
    for (const [name, octets] of attributes) this.set(name, octets.length === 0 ? null : { kind: 'data', octets });
    if (handle !== 0) this.handle = handle;
    for (const [name, slot] of this.slots) {
      slot.changed = false;
      if (slot.value === null) this.slots.delete(name);
    }
  }

  /** Names and values in the order they are printed. */
  *attributes(): Generator<readonly [name: string, value: ShellValue], void, undefined> {
    for (const [name, { value }] of this.slots) yield [name, value];
  }

  /** The lines of the object. @param comment adds to a line what a reader might like to know; may be undefined */
  print(comment?: (name: string, octets: Uint8Array) => string | undefined): string {
    let text = `obj: ${this.type}\n`;
    for (const [name, value] of this.attributes()) {
      const remark = value === null ? undefined : comment?.(name, encodeValue(value));
      text += `${name} = ${printValue(value)}${remark === undefined ? '' : `   # ${remark}`}\n`;
    }
    return text;
  }
}

/** A value as omshell prints it, as a binary string. */
export function printValue(value: ShellValue): string {
  if (value === null) return '<null>';
  if (value.kind === 'number') return String(value.value);
  const { octets } = value;
  const shown = octets.subarray(0, MAX_SHOWN_STRING);
  if (value.kind === 'string') return `"${latin1(octets)}"`;
  if (shown.every((octet) => octet >= 0x20 && octet <= 0x7e)) return `"${latin1(shown)}"`;
  return octets.length > MAX_SHOWN_HEX ? '' : formatHex(octets);
}

/** The octets of a value; null has none. */
export function encodeValue(value: ShellValue): Uint8Array {
  if (value === null) return new Uint8Array(0);
  return value.kind === 'number' ? encodeUint32(value.value >>> 0) : value.octets;
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1');
}
