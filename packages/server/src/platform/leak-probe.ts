/**
 * The leak probe (check S5): broadcast frames of an ethertype that is free for local experiments (IEEE 802, 0x88B5),
 * each with octets nobody can guess, sent on one device and listened for on others. If one comes in there, the two are
 * joined by a switch that this machine can not see.
 */

import type { LeakProbe, LinkFact } from '../domain/isolation/facts.js';
import { LessorError } from '../errors.js';
import type { Clock, Random } from '../services/ports.js';
import { errnoName, errnoText, type LinuxLibc } from './linux-libc.js';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETHERTYPE_LOCAL_EXPERIMENT = 0x88b5;
/** Shortest Ethernet frame, without its checksum. */
const FRAME_OCTETS = 60;
const HEADER_OCTETS = 14;
const NONCE_OCTETS = 16;
/** What tells our frames from other experiments. */
const MAGIC = Buffer.from('lessor leak\0', 'latin1');
/** Times the frame of a device is sent: a port that has just come up may lose the first. */
const FRAMES = 3;
/** How often sockets are looked at. */
const LOOK_EVERY_MS = 20;
/** Frames read at one look: nobody may keep us busy with frames of his own. */
const MAX_READS = 256;

/** What the probe works with. */
export interface LeakProbeParts {
  readonly libc: LinuxLibc;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly random: Pick<Random, 'bytes'>;
}

interface Station {
  readonly link: LinkFact;
  readonly fd: number;
  readonly frame: Buffer;
  readonly nonce: string;
}

/**
 * Probes between every device of one list and every device of the other, in both directions.
 * Never rejects: without the privilege (CAP_NET_RAW), or on devices that are down, the answer says so.
 */
export async function probeLeaks(
  management: readonly LinkFact[],
  clients: readonly LinkFact[],
  listenMs: number,
  parts: LeakProbeParts,
): Promise<LeakProbe> {
  const skipped: Record<string, string> = {};
  const stations: Station[] = [];
  try {
    for (const link of new Set([...management, ...clients])) {
      const obstacle = obstacleOf(link);
      if (obstacle === undefined) stations.push(openStation(link, parts));
      else skipped[link.name] = obstacle;
    }
    const heard = stations.length < 2 ? [] : await listen(stations, listenMs, parts, skipped);
    const sides = [management, clients].map((list) => new Set(list.map(({ name }) => name)));
    const apart = (from: string, to: string): boolean => sides.some((side) => side.has(from) && !side.has(to));
    return { kind: 'done', at: parts.clock.now(), heard: heard.filter(({ from, to }) => apart(from, to)), skipped };
  } catch (error) {
    if (!(error instanceof LessorError)) throw error;
    return { kind: 'impossible', reason: error.message };
  } finally {
    for (const { fd } of stations) parts.libc.close(fd);
  }
}

function obstacleOf({ ethernet, up, running }: LinkFact): string | undefined {
  if (!ethernet) return 'not probed: frames can not be broadcast there';
  if (!up) return 'not probed: the device is down';
  return running ? undefined : 'not probed: the device has no carrier';
}

/** @throws LessorError socket-open */
function openStation(link: LinkFact, { libc, random }: LeakProbeParts): Station {
  // Protocol 0 until it is bound: otherwise frames of all devices would come in.
  const fd = libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failure('packet socket', libc.errno());
  const name = Buffer.alloc(20); // struct sockaddr_ll
  name.writeUInt16LE(AF_PACKET, 0);
  name.writeUInt16BE(ETHERTYPE_LOCAL_EXPERIMENT, 2);
  name.writeInt32LE(link.index, 4);
  if (libc.bind(fd, name, name.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw failure(`packet socket of ${link.name}`, errno);
  }
  const nonce = Buffer.from(random.bytes(NONCE_OCTETS));
  return { link, fd, frame: encodeProbe(link.hwAddress, nonce), nonce: nonce.toString('hex') };
}

/** Sends the frames of all and notes whose came in where, until one has or the time is over. */
function listen(
  stations: readonly Station[],
  listenMs: number,
  { clock, libc }: LeakProbeParts,
  skipped: Record<string, string>,
): Promise<{ from: string; to: string; afterMs: number }[]> {
  const started = clock.monotonic();
  const owners = new Map(stations.map(({ nonce, link }) => [nonce, link.name]));
  const heard = new Map<string, { from: string; to: string; afterMs: number }>();
  const buffer = Buffer.alloc(128);
  let sent = 0;
  const look = (): void => {
    for (const { fd, link } of stations) {
      for (let reads = 0; reads < MAX_READS; reads++) {
        const length = libc.recv(fd, buffer, buffer.length, 0);
        if (length < 0) break;
        const from = owners.get(decodeProbe(buffer.subarray(0, length)) ?? '');
        if (from === undefined || from === link.name || heard.has(`${from} ${link.name}`)) continue;
        const afterMs = Math.round(clock.monotonic() - started);
        heard.set(`${from} ${link.name}`, { from, to: link.name, afterMs });
      }
    }
  };
  const send = (): void => {
    sent += 1;
    for (const { fd, frame, link } of stations) {
      if (libc.send(fd, frame, frame.length, 0) >= 0) continue;
      skipped[link.name] = `a frame could not be sent: ${errnoText(libc.errno())}`;
    }
  };
  // Told when there is something to read. These also keep the process alive while somebody waits for the outcome.
  const polls = stations.map(({ fd }) => libc.poll(fd));
  return new Promise<void>((resolve) => {
    for (const poll of polls) poll.start({ readable: true }, look);
    const step = (): void => {
      look();
      const elapsed = clock.monotonic() - started;
      // One that was heard is enough to know.
      if (elapsed >= listenMs || heard.size > 0) {
        resolve();
        return;
      }
      if (elapsed >= (sent * listenMs) / (2 * FRAMES) && sent < FRAMES) send();
      clock.after(LOOK_EVERY_MS, step);
    };
    step();
  }).then(() => {
    for (const poll of polls) poll.close();
    return [...heard.values()];
  });
}

/** The frame of a device. */
export function encodeProbe(hwAddress: string, nonce: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_OCTETS);
  frame.fill(0xff, 0, 6);
  frame.set(Buffer.from(hwAddress.replace(/:/g, ''), 'hex').subarray(0, 6), 6);
  frame.writeUInt16BE(ETHERTYPE_LOCAL_EXPERIMENT, 12);
  frame.set(MAGIC, HEADER_OCTETS);
  frame.set(nonce, HEADER_OCTETS + MAGIC.length);
  return frame;
}

/** The nonce of a frame in hex; undefined if it is none of lessor's. */
export function decodeProbe(frame: Buffer): string | undefined {
  const at = HEADER_OCTETS + MAGIC.length;
  if (frame.length < at + NONCE_OCTETS || !frame.subarray(HEADER_OCTETS, at).equals(MAGIC)) return undefined;
  return frame.toString('hex', at, at + NONCE_OCTETS);
}

function failure(what: string, errno: number): LessorError {
  const name = errnoName(errno);
  const hint = name === 'EPERM' ? '; this needs root or CAP_NET_RAW' : '';
  return new LessorError('socket-open', `not probed: ${what}: ${errnoText(errno)} (${name})${hint}`);
}
