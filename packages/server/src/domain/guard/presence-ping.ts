/**
 * The presence ping of management processors (ASF 2.0 §3.2.4.2, RMCP), and the question for authentication capabilities
 * that IPMI answers without a session (IPMI 2.0 §22.13). Both are one datagram to port 623 and one back.
 */

/** Where management processors listen. */
export const RMCP_PORT = 623;

const VERSION = 0x06;
const NO_ACK = 0xff;
const CLASS_ASF = 0x06;
const CLASS_IPMI = 0x07;
/** Enterprise number of the ASF working group, 4542. */
const ASF_ENTERPRISE = 0x0000_11be;
const PRESENCE_PING = 0x80;
const PRESENCE_PONG = 0x40;
const PONG_OCTETS = 28;
const SUPPORTS_IPMI = 0x80;
const GET_CHANNEL_AUTHENTICATION = 0x38;

/** The ping. @param tag 0..254, comes back in the answer */
export function presencePing(tag: number): Uint8Array {
  return Uint8Array.of(VERSION, 0, NO_ACK, CLASS_ASF, 0, 0, 0x11, 0xbe, PRESENCE_PING, tag, 0, 0);
}

/** What an answer to the ping says. */
export interface PresencePong {
  readonly tag: number;
  /** It speaks IPMI, not only ASF. */
  readonly ipmi: boolean;
}

/** Reads an answer; undefined for any other datagram. */
export function parsePresencePong(octets: Uint8Array): PresencePong | undefined {
  if (octets.length < PONG_OCTETS) return undefined;
  const head = octets[0] === VERSION && octets[3] === CLASS_ASF && uint32(octets, 4) === ASF_ENTERPRISE;
  if (!head || octets[8] !== PRESENCE_PONG || octets[11]! < PONG_OCTETS - 12) return undefined;
  return { tag: octets[9]!, ipmi: (octets[20]! & SUPPORTS_IPMI) !== 0 };
}

/** The question for authentication capabilities, of the channel it comes in by, for administrators. */
export function capabilitiesQuestion(): Uint8Array {
  const [toBmc, function6] = [0x20, 0x18];
  const body = [0x81, 0x00, GET_CHANNEL_AUTHENTICATION, 0x8e, 0x04];
  const header = [VERSION, 0, NO_ACK, CLASS_IPMI, ...new Array<number>(9).fill(0), 3 + body.length + 1];
  return Uint8Array.from([...header, toBmc, function6, checksum([toBmc, function6]), ...body, checksum(body)]);
}

/** What a management processor lets one in by. */
export interface Capabilities {
  /** Users may log in without any authentication. */
  readonly noAuthentication: boolean;
  /** There is a user with an empty name. */
  readonly anonymousLogin: boolean;
  readonly ipmi2: boolean;
}

/** Reads an answer to {@link capabilitiesQuestion}; undefined for any other datagram. */
export function parseCapabilities(octets: Uint8Array): Capabilities | undefined {
  if (octets.length < 30 || octets[0] !== VERSION || octets[3] !== CLASS_IPMI || octets[4] !== 0) return undefined;
  const [command, completion] = [octets[19], octets[20]];
  if (command !== GET_CHANNEL_AUTHENTICATION || completion !== 0) return undefined;
  const [types, status, extended] = [octets[22]!, octets[23]!, octets[24]!];
  return {
    noAuthentication: (types & 1) !== 0,
    anonymousLogin: (status & 3) !== 0,
    ipmi2: (types & 0x80) !== 0 && (extended & 2) !== 0,
  };
}

/** For people. */
export function describePresence({ ipmi }: Pick<PresencePong, 'ipmi'>, capabilities?: Capabilities): string {
  const what = ipmi ? 'IPMI answers' : 'ASF answers';
  if (capabilities === undefined) return what;
  const open = [
    capabilities.noAuthentication ? 'log-in without authentication is possible' : '',
    capabilities.anonymousLogin ? 'there is an anonymous user' : '',
  ].filter((one) => one !== '');
  return [what, `IPMI ${capabilities.ipmi2 ? '2.0' : '1.5'}`, ...open].join(', ');
}

/** Two's complement of the sum (IPMI 2.0 §13.8). */
function checksum(octets: readonly number[]): number {
  return -octets.reduce((sum, octet) => sum + octet, 0) & 0xff;
}

function uint32(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
}
