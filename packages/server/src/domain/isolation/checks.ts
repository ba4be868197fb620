/**
 * THE table of checks S1 to S7: each looks at the facts and says whether it finds clients and a control listener
 * together, with its evidence. S8 (a change of the network runs them again) is services/isolation.ts.
 */

import type { ListenerPolicy } from '../access/policy.js';
import { deviceOf, type LinkFact, type MachineFacts } from './facts.js';
import { connectionOf } from './segments.js';

/** What a check says. */
interface Said {
  readonly outcome: 'passed' | 'shared' | 'shared-wire' | 'unknown';
  readonly evidence: string;
  readonly remedy?: string;
}

/** One check. */
export interface CheckRow {
  readonly id: CheckId;
  /** For people and the reference. */
  readonly title: string;
  /** The word of `allow` that takes an outcome for meant. */
  readonly exceptions?: Readonly<Partial<Record<Said['outcome'], string>>>;
  find(listener: ListenerPolicy, facts: MachineFacts): Said;
}

/** Name of a check. */
export type CheckId = 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S7';

/** The table. */
export const CHECKS: readonly CheckRow[] = [
  {
    id: 'S1',
    title: 'same device',
    exceptions: { shared: 'shared-device' },
    find(listener, { clientDevices }) {
      const device = deviceOf(listener);
      if (device === undefined) return passed('bound to no device: see S3');
      if (!clientDevices.includes(device)) return passed(`no client is served on ${device}`);
      return {
        outcome: 'shared',
        evidence: `DHCP clients are served on ${device}`,
        remedy: 'give the "interface" of a network that has no clients,',
      };
    },
  },
  {
    id: 'S2',
    title: 'stacked devices',
    exceptions: { shared: 'shared-device', 'shared-wire': 'shared-wire' },
    find: stackedDevices,
  },
  { id: 'S3', title: 'reach of the address', find: reachOfAddress },
  {
    id: 'S4',
    title: 'routing',
    exceptions: { shared: 'forwarding' },
    find(listener, { forwards, links }) {
      const device = deviceOf(listener);
      if (device === undefined) return passed('bound to no device: see S3');
      if ('unreadable' in links) return unknown(links.unreadable);
      const [forward] = forwards.filter(({ to }) => to === device);
      if (forward === undefined) return passed(`this machine forwards nothing from clients to ${device}`);
      return {
        outcome: 'shared',
        evidence: `this machine forwards from ${forward.from} to ${forward.destination} on ${device}`,
        remedy:
          'switch forwarding off (sysctl net.ipv4.ip_forward=0, net.ipv6.conf.all.forwarding=0), forbid it by a rule ' +
          `(ip rule add iif ${forward.from} to ${forward.destination} blackhole),`,
      };
    },
  },
  { id: 'S5', title: 'leak probe', exceptions: { shared: 'shared-device' }, find: leakProbe },
  {
    id: 'S6',
    title: 'DHCP on the management network',
    exceptions: { shared: 'shared-device' },
    find(listener, { strayReplies, clientDevices }) {
      const device = deviceOf(listener);
      if (device === undefined) return passed('bound to no device: see S3');
      if (clientDevices.length === 0) return passed('no client is served by a device of this machine');
      if (listener.isolation === 'off') return unknown('not listened for: "isolation" is "off"');
      if (typeof strayReplies === 'string') return unknown(strayReplies);
      const reply = strayReplies.find((one) => one.device === device);
      if (reply === undefined) return passed(`no answer to a client was seen on ${device}`);
      return {
        outcome: 'shared',
        evidence: `an answer of the DHCP server ${reply.source} to a client was seen on ${device}`,
        remedy: 'find out where the two networks are joined and part them,',
      };
    },
  },
  { id: 'S7', title: "this machine's own BMC", find: ownBmc },
];

function stackedDevices(listener: ListenerPolicy, { links, clientDevices }: MachineFacts): Said {
  const device = deviceOf(listener);
  if (device === undefined) return passed('bound to no device: see S3');
  if ('unreadable' in links) return unknown(links.unreadable);
  if (!links.some(({ name }) => name === device)) return unknown(`there is no device ${device} now`);
  const found = clientDevices
    .filter((client) => client !== device)
    .map((client) => ({ client, connection: connectionOf(links, device, client) }));
  const said = (['same-network', 'same-wire'] as const).flatMap((kind) =>
    found.flatMap(({ client, connection }) =>
      connection.kind === kind ? [{ client, kind, path: connection.path.join(' - ') }] : [],
    ),
  );
  const [worst] = said;
  if (worst === undefined) return passed(`${device} hangs on no wire of clients`);
  if (worst.kind === 'same-network') {
    return {
      outcome: 'shared',
      evidence: `${device} and ${worst.client}, on which clients are served, are one network (${worst.path})`,
      remedy: 'give a device of another wire,',
    };
  }
  return {
    outcome: 'shared-wire',
    evidence: `${device} and ${worst.client}, on which clients are served, use one wire (${worst.path})`,
    remedy: 'give a device of another wire; whoever can set tags on that wire is on both networks;',
  };
}

/** Linux takes a packet for any of its addresses on any device, unless the socket is bound to one (ip(7)). */
function reachOfAddress(listener: ListenerPolicy, { reach, clientDevices, links }: MachineFacts): Said {
  const device = deviceOf(listener);
  const { address, name } = listener;
  if (clientDevices.length === 0) return passed('no client is served by a device of this machine');
  if ('unreadable' in links) return unknown(links.unreadable);
  // Where clients are served on the listener's own device S1 has said so.
  const others = links.filter((link) => clientDevices.includes(link.name) && link.name !== device);
  const owner = others.find((link) => hasAddress(link, address));
  if (owner !== undefined) {
    return {
      outcome: 'shared',
      evidence: `${address} is an address of ${owner.name}, on which clients are served`,
      remedy: 'listen on an address of the management network',
    };
  }
  if (device !== undefined) return passed(`only what comes in by ${device} is taken`);
  const [open] = reach.filter(({ listener: of, delivered }) => of === name && delivered);
  if (open !== undefined) {
    return {
      outcome: 'shared',
      evidence: `it is bound to no device, and the kernel takes packets for ${open.address} that come in by ${open.from}`,
      remedy: 'give "interface", so that the socket is bound to the device and not only to an address of it',
    };
  }
  const [closed] = reach.filter(({ listener: of }) => of === name);
  if (closed === undefined) return unknown('the kernel could not be asked which packets it takes');
  return passed(
    `packets for ${closed.address} that come in by ${closed.from} are dropped: ${closed.reason ?? 'rules'}`,
  );
}

/** Frames that one device sends and the other hears: joined somewhere beyond what this machine can see. */
function leakProbe(listener: ListenerPolicy, { leakProbe: probe, clientDevices }: MachineFacts): Said {
  const device = deviceOf(listener);
  if (device === undefined) return passed('bound to no device: see S3');
  const others = clientDevices.filter((client) => client !== device);
  if (others.length === 0) return passed('no client is served by another device');
  if (listener.isolation === 'off') return unknown('not probed: "isolation" is "off"');
  if (probe === undefined) return unknown('not probed yet');
  if (probe.kind === 'impossible') return unknown(probe.reason);
  const heard = probe.heard.find(
    ({ from, to }) => (from === device && others.includes(to)) || (to === device && others.includes(from)),
  );
  if (heard !== undefined) {
    return {
      outcome: 'shared',
      evidence: `a broadcast frame sent on ${heard.from} came in by ${heard.to} after ${heard.afterMs} ms`,
      remedy: 'both ports are on one switch or one VLAN: part them,',
    };
  }
  const skipped = [device, ...others].find((name) => probe.skipped[name] !== undefined);
  if (skipped !== undefined) return unknown(`${skipped}: ${probe.skipped[skipped]}`);
  return passed(`no frame passed between ${device} and ${others.join(', ')}`);
}

function ownBmc(listener: ListenerPolicy, facts: MachineFacts): Said {
  if (!facts.ownBmc) return passed('this machine has no BMC driver (/dev/ipmi0)');
  switch (listener.ownBmc) {
    case 'dedicated':
      return passed('this machine has a BMC; "own-bmc" says that its port is dedicated');
    case 'shared':
    case 'failover':
      return {
        outcome: 'shared',
        evidence: `"own-bmc" says that this machine's BMC uses a ${listener.ownBmc} port`,
        remedy: 'set it to its dedicated port, and say so',
      };
    default:
      return unknown(
        'this machine has a BMC (/dev/ipmi0) and its port is not known: look with `ipmitool lan print` and the ' +
          'command of its vendor (docs/lock-it-down.md), and say it with "own-bmc": "dedicated"',
      );
  }
}

function hasAddress({ addresses }: LinkFact, address: string): boolean {
  const plain = address.replace(/%.*$/, '').toLowerCase();
  // Every interface has link-local addresses, and only the zone says which one is meant.
  return !plain.startsWith('fe8') && addresses.some((own) => own.address === plain);
}

function passed(evidence: string): Said {
  return { outcome: 'passed', evidence };
}

function unknown(evidence: string): Said {
  return { outcome: 'unknown', evidence };
}
