/** What a configuration exposes to whom, in one line a listener: printed at every start, and by `lessor access exposure`. */

import type { AccessPolicy, ListenerPolicy, SourcePrefix } from './policy.js';

/** One line of the report. */
export interface ExposureLine {
  readonly listener: string;
  /** `loud` where somebody beside this machine can reach it and something keeps an operator from relying on it. */
  readonly loud: boolean;
  readonly text: string;
}

/** The report on all listeners. */
export function exposureOf(
  listeners: readonly ListenerPolicy[],
  access: AccessPolicy | undefined,
  isLoopback: (address: string) => boolean,
): ExposureLine[] {
  return listeners.map((listener) => lineOf(listener, access?.principals !== undefined, isLoopback(listener.address)));
}

function lineOf(listener: ListenerPolicy, ruled: boolean, loopback: boolean): ExposureLine {
  const { kind, name } = listener;
  if (kind === 'kea-unix') {
    const who = 'users of this machine who can enter its directory';
    return { listener: name, loud: false, text: `${name}: open to ${who}; ${rightsText(listener, ruled)}` };
  }
  const caveats = loopback ? [] : caveatsOf(listener);
  const parts = [`open to ${whoText(listener, loopback)}`, identityText(listener), rightsText(listener, ruled)];
  const text = `${kind} ${listener.address}:${listener.port}: ${[...parts, ...caveats].join('; ')}`;
  return { listener: name, loud: caveats.length > 0, text };
}

function whoText({ sources, interface: device }: ListenerPolicy, loopback: boolean): string {
  if (loopback) return 'this machine only';
  const where = device === undefined ? '' : ` by ${device}`;
  if (sources === undefined) return `EVERYBODY who can reach the address${where}`;
  return sources.length === 0 ? 'this machine only' : `${sources.map(formatSource).join(', ')}${where}`;
}

const IDENTITIES = {
  'unix-user': 'local user',
  password: 'password',
  certificate: 'client certificate',
  'omapi-key': 'signature of a key',
} as const satisfies Readonly<Record<ListenerPolicy['identity'][number], string>>;

function identityText({ identity, kind }: ListenerPolicy): string {
  if (identity.length > 0) return `known by ${identity.map((one) => IDENTITIES[one]).join(' and ')}`;
  return kind === 'metrics' ? 'nobody has to say who he is' : 'NOBODY has to say who he is';
}

function rightsText({ kind, commands, plane }: ListenerPolicy, ruled: boolean): string {
  if (kind === 'metrics') return 'may read counters';
  if (kind === 'peer') return 'may do what the servers of a pair do';
  const what = commands === undefined ? 'everything' : commands.join(', ');
  const whose = plane === 'peer' ? ' (partners)' : '';
  return ruled
    ? `may use what their rights say${commands === undefined ? '' : ` of ${what}`}${whose}`
    : `may use ${what}${whose}`;
}

/** What makes somebody beside this machine a danger. */
function caveatsOf({ interface: device, encrypted, kind, sources }: ListenerPolicy): string[] {
  return [
    ...(device === undefined
      ? ['not bound to an interface, so that Linux takes connections to it from all of them']
      : []),
    ...(sources === undefined ? ['name "sources"'] : []),
    ...(encrypted || kind === 'metrics' ? [] : [clearText(kind)]),
  ];
}

function clearText(kind: ListenerPolicy['kind']): string {
  return kind === 'omapi'
    ? 'messages are signed and not encrypted'
    : 'passwords and answers cross the network in CLEAR TEXT';
}

function formatSource({ address, prefixLength }: SourcePrefix): string {
  const whole = prefixLength === (address.includes(':') ? 128 : 32);
  return whole ? address : `${address}/${prefixLength}`;
}
