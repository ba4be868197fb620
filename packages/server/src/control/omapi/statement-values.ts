/** Values of statements: strings, addresses, numbers, switches, octets. All may have a `=` before them. */

import { formatIpv4, type Octets, parseIpv4 } from '../../domain/values.js';
import { isMark, refused, type Word } from './statement-words.js';

/** The one value of a statement. @throws OmapiRefusal BADPARSE */
function onlyWord(statement: readonly Word[], rest: readonly Word[]): Word {
  const [word, ...others] = isMark(rest[0], '=') ? rest.slice(1) : rest;
  if (word === undefined || word.kind === 'mark' || others.length > 0) {
    throw refused(statement, 'one value is expected');
  }
  return word;
}

/** A string in quotes. @throws OmapiRefusal BADPARSE */
export function stringValue(statement: readonly Word[], rest: readonly Word[]): Octets {
  const { kind, text } = onlyWord(statement, rest);
  if (kind !== 'string') throw refused(statement, 'a string in double quotes is expected');
  return text;
}

/** A word without quotes. @throws OmapiRefusal BADPARSE */
export function wordValue(statement: readonly Word[], rest: readonly Word[]): Octets {
  const { kind, text } = onlyWord(statement, rest);
  if (kind !== 'text') throw refused(statement, 'a word is expected');
  return text;
}

/** An address, with dots or as four octets. Names are not resolved. @throws OmapiRefusal BADPARSE */
export function addressValue(statement: readonly Word[], rest: readonly Word[]): string {
  const { kind, text } = onlyWord(statement, rest);
  const octets = kind === 'text' ? colonHex(text) : undefined;
  const address = octets?.length === 4 ? numberOf(octets) : kind === 'text' ? parseIpv4(text) : undefined;
  if (address === undefined) throw refused(statement, 'an IPv4 address is expected (names are not resolved)');
  return formatIpv4(address);
}

/** A time in seconds, as a number or as four octets; -1 and `infinite` are for ever. @throws OmapiRefusal BADPARSE */
export function secondsValue(statement: readonly Word[], rest: readonly Word[]): number {
  const { kind, text } = onlyWord(statement, rest);
  const octets = kind === 'text' ? colonHex(text) : undefined;
  if (octets?.length === 4) return numberOf(octets);
  if (kind === 'text' && (text === 'infinite' || text === '-1')) return FOR_EVER;
  const seconds = kind === 'text' && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= FOR_EVER)) throw refused(statement, 'seconds are expected');
  return seconds;
}

const FOR_EVER = 0xffff_ffff;

/** A switch. @throws OmapiRefusal BADPARSE */
export function flagValue(statement: readonly Word[], rest: readonly Word[]): boolean {
  const text = onlyWord(statement, rest).text.toLowerCase();
  if (/^(on|true|1|01)$/.test(text)) return true;
  if (/^(off|false|0|00)$/.test(text)) return false;
  throw refused(statement, 'on or off is expected');
}

/** Values between commas; those of one item (pairs of addresses) follow each other without. @throws OmapiRefusal */
export function listValue(statement: readonly Word[], words: readonly Word[]): Word[] {
  const values: Word[] = [];
  let wanted = true;
  for (const word of words) {
    if (word.kind !== 'mark') {
      values.push(word);
      wanted = false;
    } else if (word.text === ',' && !wanted) wanted = true;
    else throw refused(statement, `'${word.text}' is not understood here`);
  }
  if (wanted) throw refused(statement, 'a value is missing');
  return values;
}

/** Octets written `0a:4d:00:09`; undefined for anything else. */
export function colonHex(text: string): Octets | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2})+$/i.test(text)) return undefined;
  return String.fromCharCode(...text.split(':').map((octet) => Number.parseInt(octet, 16)));
}

/** Four octets of an address. */
export function addressOctets(address: number): Octets {
  return String.fromCharCode(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

function numberOf(octets: Octets): number {
  return [...octets].reduce((sum, octet) => sum * 256 + octet.charCodeAt(0), 0);
}
