/** Inheritance: which value of a parameter holds for a subnet, given what its network and the global scope say. */

import type { DdnsBehaviour } from '../domain/ddns/behaviour.js';
import type { BootFields, LifetimeTriplet } from '../domain/snapshot.js';
import { parseIpv4 } from '../domain/values.js';
import type { IssueList } from './issues.js';
import { findParameter } from './schema.js';
import type { Section } from './section.js';

/** Parameters Kea copies from a level to those below when it loads, so that config-get shows them there. */
export const COPIED_DOWN: readonly string[] = [
  'renew-timer',
  'rebind-timer',
  'valid-lifetime',
  'min-valid-lifetime',
  'max-valid-lifetime',
  'calculate-tee-times',
  't1-percent',
  't2-percent',
  'store-extended-info',
  'cache-threshold',
  'cache-max-age',
  'allocator',
  'offer-lifetime',
  'adaptive-lease-time-threshold',
];

/** The levels a value can come from, nearest first; the last is the global scope. */
export class Inheritance {
  constructor(readonly levels: readonly Section[]) {}

  /** The same with one more level in front. */
  below(section: Section): Inheritance {
    return new Inheritance([section, ...this.levels]);
  }

  /** The nearest section that has the parameter. */
  source(name: string): Section | undefined {
    return this.levels.find((level) => findParameter(level.scope, name) !== undefined && level.has(name));
  }

  /** The nearest value, else the default of the table, else undefined. */
  scalar(name: string): boolean | number | string | undefined {
    return (this.source(name)?.scalar(name) ?? findParameter('Dhcp4', name)?.default) as
      | boolean
      | number
      | string
      | undefined;
  }

  number(name: string): number | undefined {
    return this.scalar(name) as number | undefined;
  }

  boolean(name: string): boolean {
    return this.scalar(name) as boolean;
  }

  text(name: string): string {
    return this.scalar(name) as string;
  }
}

/**
 * valid-lifetime with its bounds (Kea: parseIntTriplet). A bound that is not given is the default; a bound alone is
 * all three; both bounds without default are an error.
 * @param get value of one of the three parameters
 * @returns undefined if none is given, or what is given makes no sense (reported)
 */
export function lifetimeTriplet(
  get: (name: string) => number | undefined,
  section: Section,
  issues: IssueList,
): LifetimeTriplet | undefined {
  const given = get('valid-lifetime');
  const min = get('min-valid-lifetime');
  const max = get('max-valid-lifetime');
  if (given === undefined && min !== undefined && max !== undefined) {
    issues.error(
      'config-missing',
      section.positionOf('min-valid-lifetime'),
      '"min-valid-lifetime" and "max-valid-lifetime" need a "valid-lifetime" between them',
    );
    return undefined;
  }
  const defaultSec = given ?? min ?? max;
  if (defaultSec === undefined) return undefined;
  const triplet = { defaultSec, minSec: min ?? defaultSec, maxSec: max ?? defaultSec };
  if (triplet.minSec <= defaultSec && defaultSec <= triplet.maxSec) return triplet;
  const wrong = ['min-valid-lifetime', 'max-valid-lifetime', 'valid-lifetime'].find((name) => section.has(name));
  // Where none of the three is its own, the level they come from has been reported.
  if (wrong !== undefined)
    issues.error(
      'config-range',
      section.positionOf(wrong),
      `lifetimes must rise: min-valid-lifetime ${triplet.minSec}, valid-lifetime ${defaultSec}, max-valid-lifetime ${triplet.maxSec}`,
    );
  return undefined;
}

/** The boot fields of one section; an address of 0.0.0.0 and empty names mean "not set". */
export function bootFields(section: Section, issues: IssueList): BootFields {
  return bootFieldsOf((name) => section.string(name), section, issues);
}

/** The boot fields that hold at a level. */
export function inheritedBootFields(inheritance: Inheritance): BootFields {
  // Wrong addresses have been reported where they stand.
  const nextServer = parseIpv4(inheritance.text('next-server'));
  return definedBootFields(nextServer, inheritance.text('server-hostname'), inheritance.text('boot-file-name'));
}

function bootFieldsOf(get: (name: string) => string | undefined, section: Section, issues: IssueList): BootFields {
  const text = get('next-server');
  const nextServer = text === undefined || text === '' ? undefined : parseIpv4(text);
  if (text !== undefined && text !== '' && (nextServer === undefined || nextServer === 0xffff_ffff)) {
    issues.error('config-range', section.positionOf('next-server'), `"${text}" is not the IPv4 address of a server`);
  }
  return definedBootFields(nextServer, get('server-hostname'), get('boot-file-name'));
}

function definedBootFields(
  nextServer: number | undefined,
  name: string | undefined,
  file: string | undefined,
): BootFields {
  return {
    ...(nextServer ? { nextServer } : {}),
    ...(name ? { serverHostname: name } : {}),
    ...(file ? { bootFileName: file } : {}),
  };
}

/** POSIX character classes, which std::regex knows and JavaScript does not. */
const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  space: '\\s',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
};

/** The expression of hostname-char-set; undefined for the empty one. @throws SyntaxError */
export function hostnameCharSet(text: string): RegExp | undefined {
  if (text === '') return undefined;
  return new RegExp(
    text.replace(/\[:([a-z]+):\]/g, (whole, name: string) => POSIX_CLASSES[name] ?? whole),
    'g',
  );
}

/** The DDNS behaviour that holds at a level. A character set that is no expression has been reported where it stands. */
export function ddnsBehaviour(inheritance: Inheritance, updatesEnabled: boolean): DdnsBehaviour {
  let charSet: RegExp | undefined;
  try {
    charSet = hostnameCharSet(inheritance.text('hostname-char-set'));
  } catch {
    charSet = undefined;
  }
  return {
    sendUpdates: updatesEnabled && inheritance.boolean('ddns-send-updates'),
    overrideNoUpdate: inheritance.boolean('ddns-override-no-update'),
    overrideClientUpdate: inheritance.boolean('ddns-override-client-update'),
    replaceClientName: inheritance.text('ddns-replace-client-name') as DdnsBehaviour['replaceClientName'],
    generatedPrefix: inheritance.text('ddns-generated-prefix'),
    qualifyingSuffix: inheritance.text('ddns-qualifying-suffix'),
    updateOnRenew: inheritance.boolean('ddns-update-on-renew'),
    conflictResolution: inheritance.text('ddns-conflict-resolution-mode') as DdnsBehaviour['conflictResolution'],
    ttl: {
      ...given('fixedSec', inheritance.number('ddns-ttl')),
      ...given('share', inheritance.number('ddns-ttl-percent')),
      ...given('minSec', inheritance.number('ddns-ttl-min')),
      ...given('maxSec', inheritance.number('ddns-ttl-max')),
    },
    ...(charSet === undefined ? {} : { hostnameCharSet: charSet }),
    hostnameCharReplacement: inheritance.text('hostname-char-replacement'),
  };
}

function given<Name extends string>(name: Name, value: number | undefined): { readonly [_ in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [_ in Name]?: number });
}

/** Reports what contradicts itself in the DDNS and timer parameters of one section. */
export function checkNetworkParameters(section: Section, inheritance: Inheritance, issues: IssueList): void {
  const charSet = section.string('hostname-char-set');
  if (charSet !== undefined) {
    try {
      hostnameCharSet(charSet);
    } catch {
      const position = section.positionOf('hostname-char-set');
      issues.error('config-range', position, `"${charSet}" is not a regular expression`);
    }
  }
  for (const other of ['ddns-ttl-percent', 'ddns-ttl-min', 'ddns-ttl-max']) {
    if (section.has('ddns-ttl') && section.has(other)) {
      issues.error('config-conflict', section.positionOf(other), `"ddns-ttl" is fixed: "${other}" contradicts it`);
    }
  }
  const ttlMin = section.integer('ddns-ttl-min');
  const ttlMax = section.integer('ddns-ttl-max');
  if (ttlMin !== undefined && ttlMax !== undefined && ttlMin > ttlMax) {
    const position = section.positionOf('ddns-ttl-min');
    issues.error('config-range', position, `"ddns-ttl-min" ${ttlMin} is above "ddns-ttl-max" ${ttlMax}`);
  }
  if (section.scope !== 'pools') checkTimers(section, inheritance, issues);
}

function checkTimers(section: Section, inheritance: Inheritance, issues: IssueList): void {
  const t1 = inheritance.number('renew-timer');
  const t2 = inheritance.number('rebind-timer');
  const ownTimer = ['renew-timer', 'rebind-timer'].find((name) => section.has(name));
  if (ownTimer !== undefined && t1 !== undefined && t2 !== undefined && t1 > t2) {
    issues.warning(
      'config-conflict',
      section.positionOf(ownTimer),
      `"renew-timer" ${t1} is above "rebind-timer" ${t2}: it will not be sent`,
    );
  }
  const percent1 = inheritance.number('t1-percent')!;
  const percent2 = inheritance.number('t2-percent')!;
  const ownPercent = ['t1-percent', 't2-percent', 'calculate-tee-times'].find((name) => section.has(name));
  if (ownPercent !== undefined && inheritance.boolean('calculate-tee-times') && percent1 >= percent2) {
    issues.error(
      'config-range',
      section.positionOf(ownPercent),
      `"t1-percent" ${percent1} must be below "t2-percent" ${percent2}`,
    );
  }
}
