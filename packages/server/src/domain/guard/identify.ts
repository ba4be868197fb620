/** From facts to what a client seems to be: fingerprints that fit, and a score each for "management processor" and "host". */

import type { Octets } from '../values.js';
import { type Facts, HOST_TRAITS } from './facts.js';
import type { Mac } from './mac.js';
import { makerOf } from './mac-blocks.js';
import { matchPattern, type PatternMatch } from './pattern.js';
import { CONFIDENCE_WEIGHT, type Signature, type SignatureField } from './signatures.js';

/** One reason for a judgement: what was seen, and what it is worth. */
export interface Evidence {
  /** Where it was seen: a field of the packet, the place, the history, a probe. */
  readonly feature: string;
  /** For people; only printable characters. */
  readonly text: string;
  /** 0..100. */
  readonly weight: number;
}

/** A fingerprint that fits. */
export interface SignatureMatch extends PatternMatch {
  readonly signature: Signature;
}

/** What a client seems to be. */
export interface Identity {
  readonly matches: readonly SignatureMatch[];
  /** How surely it is a management processor or the like, 0..100. */
  readonly bmc: number;
  /** How surely it is a host, 0..100. */
  readonly host: number;
  /** It is known to be neither: the system of a network card. */
  readonly other: boolean;
  /** The hardware address its name has, where that is not its own. */
  readonly foreignMac?: Mac;
}

/** A name that holds the client's own hardware address adds this to its fingerprint. */
const OWN_MAC_WEIGHT = 30;
/** Different vendor classes remembered; a network has a few dozen. */
const VENDOR_CLASSES = 2048;
const NO_MATCHES: readonly SignatureMatch[] = [];
/** Longest text taken from a packet into evidence. */
const MAX_TEXT = 64;

/** Knows the fingerprints of one configuration. */
export class Identifier {
  readonly #byField: Readonly<Record<SignatureField, readonly Signature[]>>;
  /** Fingerprints of names by the first letter, in lower case. */
  readonly #names: (Signature[] | undefined)[] = new Array<undefined>(256);
  readonly #vendorClasses = new Map<Octets, readonly SignatureMatch[]>();

  constructor(signatures: readonly Signature[]) {
    const of = (field: SignatureField) => signatures.filter((one) => one.field === field);
    this.#byField = {
      'vendor-class': of('vendor-class'),
      'host-name': of('host-name'),
      'vendor-options': of('vendor-options'),
      'user-class': of('user-class'),
    };
    for (const signature of this.#byField['host-name']) {
      const [first] = signature.pattern.parts;
      const letters = first?.kind === 'literal' ? [first.text.charCodeAt(0)] : Array.from({ length: 256 }, (_, i) => i);
      for (const letter of letters) {
        const list = this.#names[letter] ?? [];
        list.push(signature);
        this.#names[letter] = list;
      }
    }
  }

  /** True if a name that begins with this octet may fit a fingerprint. */
  readonly isTelling = (first: number): boolean => this.#names[lowerLetter(first)] !== undefined;

  /** What the client seems to be. */
  identify(facts: Facts): Identity {
    let matches = facts.vendorClass === '' ? NO_MATCHES : this.#vendorClass(facts.vendorClass);
    if (facts.hostName !== '') matches = joined(matches, this.#name(facts.hostName));
    if (facts.vendorOptions !== '') matches = joined(matches, this.#all('vendor-options', facts.vendorOptions));
    if (facts.userClass !== '') matches = joined(matches, this.#all('user-class', facts.userClass));
    let [bmc, host, other] = [0, 0, false];
    let foreignMac: Mac | undefined;
    for (const { signature, mac } of matches) {
      const weight = CONFIDENCE_WEIGHT[signature.confidence];
      if (signature.kind === 'host') host += weight;
      else if (signature.kind === 'dpu') other = true;
      else bmc += mac === facts.mac ? weight + OWN_MAC_WEIGHT : weight;
      if (mac !== undefined && mac !== facts.mac) foreignMac = mac;
    }
    if (facts.traits !== 0) for (const { bit, weight } of HOST_TRAITS) if ((facts.traits & bit) !== 0) host += weight;
    return {
      matches,
      bmc: Math.min(bmc, 100),
      host: Math.min(host, 100),
      other,
      ...(foreignMac === undefined ? {} : { foreignMac }),
    };
  }

  #vendorClass(text: Octets): readonly SignatureMatch[] {
    let known = this.#vendorClasses.get(text);
    if (known === undefined) {
      known = this.#all('vendor-class', text);
      if (this.#vendorClasses.size >= VENDOR_CLASSES) this.#vendorClasses.clear();
      this.#vendorClasses.set(text, known);
    }
    return known;
  }

  #name(text: Octets): readonly SignatureMatch[] {
    const list = this.#names[lowerLetter(text.charCodeAt(0))];
    return list === undefined ? NO_MATCHES : matchesOf(list, text);
  }

  #all(field: SignatureField, text: Octets): readonly SignatureMatch[] {
    return matchesOf(this.#byField[field], text);
  }
}

function lowerLetter(octet: number): number {
  return octet >= 65 && octet <= 90 ? octet + 32 : octet;
}

/** Those that fit; of each kind only the surest, as several rows may be about one product. */
function matchesOf(signatures: readonly Signature[], text: Octets): readonly SignatureMatch[] {
  let found: SignatureMatch[] | undefined;
  for (const signature of signatures) {
    const match = matchPattern(signature.pattern, text);
    if (match === undefined) continue;
    found ??= [];
    const rival = found.findIndex((one) => one.signature.kind === signature.kind);
    if (rival < 0) found.push({ signature, ...match });
    else if (weightOf(signature) > weightOf(found[rival]!.signature)) found[rival] = { signature, ...match };
  }
  return found ?? NO_MATCHES;
}

function weightOf({ confidence }: Signature): number {
  return CONFIDENCE_WEIGHT[confidence];
}

function joined(a: readonly SignatureMatch[], b: readonly SignatureMatch[]): readonly SignatureMatch[] {
  if (b.length === 0) return a;
  return a.length === 0 ? b : [...a, ...b];
}

const FIELD_NAMES: Readonly<Record<SignatureField, string>> = {
  'vendor-class': 'option 60',
  'host-name': 'host name',
  'vendor-options': 'option 43',
  'user-class': 'option 77',
};

/** Why a client seems to be a management processor. The block of its address is told beside it, and counts nothing. */
export function bmcEvidence({ matches }: Identity, facts: Facts): Evidence[] {
  const evidence = matches
    .filter(({ signature }) => signature.kind === 'bmc' || signature.kind === 'power')
    .map((match) => evidenceOf(match, facts));
  const maker = makerOf(facts.mac);
  if (maker !== undefined) evidence.push({ feature: 'mac-block', text: `the address is of ${maker}`, weight: 0 });
  return evidence;
}

/** Why a client seems to be a host. */
export function hostEvidence({ matches }: Identity, facts: Facts): Evidence[] {
  const signatures = matches.filter(({ signature }) => signature.kind === 'host');
  const traits = HOST_TRAITS.filter(({ bit }) => (facts.traits & bit) !== 0);
  return [
    ...signatures.map((match) => evidenceOf(match, facts)),
    ...traits.map(({ weight, text }) => ({ feature: 'options', text, weight })),
  ];
}

function evidenceOf({ signature, mac }: SignatureMatch, facts: Facts): Evidence {
  const own = mac === facts.mac;
  const seen = printable(textOf(signature.field, facts));
  const holds = own ? ', which holds its own hardware address' : '';
  return {
    feature: signature.field,
    text: `${FIELD_NAMES[signature.field]} "${seen}"${holds}: ${signature.product} (${signature.source})`,
    weight: CONFIDENCE_WEIGHT[signature.confidence] + (own ? OWN_MAC_WEIGHT : 0),
  };
}

function textOf(field: SignatureField, facts: Facts): Octets {
  if (field === 'vendor-class') return facts.vendorClass;
  if (field === 'host-name') return facts.hostName;
  return field === 'vendor-options' ? facts.vendorOptions : facts.userClass;
}

/** What a packet says, for logs and answers: printable ASCII, the rest as `.`, cut to a bound. */
export function printable(text: Octets, longest = MAX_TEXT): string {
  const shown = text.replace(/[^ -~]/g, '.');
  return shown.length > longest ? `${shown.slice(0, longest - 3)}...` : shown;
}
