/**
 * Result codes of a status, and the errors they become. Codes below 100 are those of ISC's library, the others of its
 * DHCP programs. Texts are what isc_result_totext prints, and with it omshell.
 */

import { OmapiError } from './errors.js';

/** Where the codes of ISC DHCP itself begin. */
const DHCP_RESULTS = 0x60000;

const LIBRARY_RESULTS = {
  SUCCESS: [0, 'success'],
  NOMEMORY: [1, 'out of memory'],
  TIMEDOUT: [2, 'timed out'],
  NOTHREADS: [3, 'no available threads'],
  ADDRNOTAVAIL: [4, 'address not available'],
  ADDRINUSE: [5, 'address in use'],
  NOPERM: [6, 'permission denied'],
  NOCONN: [7, 'no pending connections'],
  NETUNREACH: [8, 'network unreachable'],
  HOSTUNREACH: [9, 'host unreachable'],
  NETDOWN: [10, 'network down'],
  HOSTDOWN: [11, 'host down'],
  CONNREFUSED: [12, 'connection refused'],
  NORESOURCES: [13, 'not enough free resources'],
  EOF: [14, 'end of file'],
  BOUND: [15, 'socket already bound'],
  RELOAD: [16, 'reload'],
  LOCKBUSY: [17, 'lock busy'],
  EXISTS: [18, 'already exists'],
  NOSPACE: [19, 'ran out of space'],
  CANCELED: [20, 'operation canceled'],
  NOTBOUND: [21, 'socket is not bound'],
  SHUTTINGDOWN: [22, 'shutting down'],
  NOTFOUND: [23, 'not found'],
  UNEXPECTEDEND: [24, 'unexpected end of input'],
  FAILURE: [25, 'failure'],
  IOERROR: [26, 'I/O error'],
  NOTIMPLEMENTED: [27, 'not implemented'],
  UNBALANCED: [28, 'unbalanced parentheses'],
  NOMORE: [29, 'no more'],
  INVALIDFILE: [30, 'invalid file'],
  BADBASE64: [31, 'bad base64 encoding'],
  UNEXPECTEDTOKEN: [32, 'unexpected token'],
  QUOTA: [33, 'quota reached'],
  UNEXPECTED: [34, 'unexpected error'],
  ALREADYRUNNING: [35, 'already running'],
  IGNORE: [36, 'ignore'],
  MASKNONCONTIG: [37, 'address mask not contiguous'],
  FILENOTFOUND: [38, 'file not found'],
  FILEEXISTS: [39, 'file already exists'],
  NOTCONNECTED: [40, 'socket is not connected'],
  RANGE: [41, 'out of range'],
  NOENTROPY: [42, 'out of entropy'],
  MULTICAST: [43, 'invalid use of multicast address'],
  NOTFILE: [44, 'not a file'],
  NOTDIRECTORY: [45, 'not a directory'],
  QUEUEFULL: [46, 'queue is full'],
  FAMILYMISMATCH: [47, 'address family mismatch'],
  FAMILYNOSUPPORT: [48, 'address family not supported'],
  BADHEX: [49, 'bad hex encoding'],
  TOOMANYOPENFILES: [50, 'too many open files'],
  NOTBLOCKING: [51, 'not blocking'],
  UNBALANCEDQUOTES: [52, 'unbalanced quotes'],
  INPROGRESS: [53, 'operation in progress'],
  CONNECTIONRESET: [54, 'connection reset'],
  SOFTQUOTA: [55, 'soft quota reached'],
  BADNUMBER: [56, 'not a valid number'],
  DISABLED: [57, 'disabled'],
  MAXSIZE: [58, 'max size'],
  BADADDRESSFORM: [59, 'invalid address format'],
  BADBASE32: [60, 'bad base32 encoding'],
  UNSET: [61, 'unset'],
  /** ISC's own MULTIPLE; the one a server sends for several leases is {@link DHCP_ONLY_RESULTS}'. */
  ISC_MULTIPLE: [62, 'multiple'],
  WOULDBLOCK: [63, 'would block'],
  COMPLETE: [64, 'complete'],
  CRYPTOFAILURE: [65, 'crypto failure'],
  DISCQUOTA: [66, 'disc quota'],
  DISCFULL: [67, 'disc full'],
  DEFAULT: [68, 'default'],
  IPV4PREFIX: [69, 'IPv4 prefix'],
} as const;

const DHCP_ONLY_RESULTS = {
  HOSTUNKNOWN: [DHCP_RESULTS + 0, 'host unknown'],
  VERSIONMISMATCH: [DHCP_RESULTS + 1, 'protocol version mismatch'],
  PROTOCOLERROR: [DHCP_RESULTS + 2, 'protocol error'],
  INVALIDARG: [DHCP_RESULTS + 3, 'invalid argument'],
  NOTYET: [DHCP_RESULTS + 4, 'data not yet available'],
  UNCHANGED: [DHCP_RESULTS + 5, 'object unchanged'],
  MULTIPLE: [DHCP_RESULTS + 6, 'more than one object matches key'],
  KEYCONFLICT: [DHCP_RESULTS + 7, 'key conflict'],
  BADPARSE: [DHCP_RESULTS + 8, 'parse error(s) occurred'],
  NOKEYS: [DHCP_RESULTS + 9, 'no key specified'],
  KEY_UNKNOWN: [DHCP_RESULTS + 10, 'zone TSIG key not known'],
  INVALIDKEY: [DHCP_RESULTS + 11, 'invalid TSIG key'],
  INCOMPLETE: [DHCP_RESULTS + 12, 'operation in progress'],
  FORMERR: [DHCP_RESULTS + 13, 'DNS format error'],
  SERVFAIL: [DHCP_RESULTS + 14, 'DNS server failed'],
  NXDOMAIN: [DHCP_RESULTS + 15, 'no such domain'],
  NOTIMPL: [DHCP_RESULTS + 16, 'not implemented'],
  REFUSED: [DHCP_RESULTS + 17, 'refused'],
  YXDOMAIN: [DHCP_RESULTS + 18, 'domain already exists'],
  YXRRSET: [DHCP_RESULTS + 19, 'RRset already exists'],
  NXRRSET: [DHCP_RESULTS + 20, 'no such RRset'],
  NOTAUTH: [DHCP_RESULTS + 21, 'not authorized'],
  NOTZONE: [DHCP_RESULTS + 22, 'not a zone'],
  BADSIG: [DHCP_RESULTS + 23, 'bad DNS signature'],
  BADKEY: [DHCP_RESULTS + 24, 'bad DNS key'],
  BADTIME: [DHCP_RESULTS + 25, 'clock skew too great'],
  NOROOTZONE: [DHCP_RESULTS + 26, 'no root zone'],
  DESTADDRREQ: [DHCP_RESULTS + 27, 'destination address required'],
  CROSSZONE: [DHCP_RESULTS + 28, 'cross-zone update'],
  NO_TSIG: [DHCP_RESULTS + 29, 'no TSIG signature'],
  NOT_EQUAL: [DHCP_RESULTS + 30, 'not equal'],
  CONNRESET: [DHCP_RESULTS + 31, 'connection reset by peer'],
  UNKNOWNATTRIBUTE: [DHCP_RESULTS + 32, 'unknown attribute'],
} as const;

const RESULTS = { ...LIBRARY_RESULTS, ...DHCP_ONLY_RESULTS };

/** Name of a result, without ISC's prefixes. */
export type ResultName = keyof typeof RESULTS;

/** Number of each result, by name. */
export const Result = Object.fromEntries(Object.entries(RESULTS).map(([name, [code]]) => [name, code])) as {
  readonly [Name in ResultName]: (typeof RESULTS)[Name][0];
};

const BY_CODE: ReadonlyMap<number, { readonly name: ResultName; readonly text: string }> = new Map(
  Object.entries(RESULTS).map(([name, [code, text]]) => [code, { name: name as ResultName, text }]),
);

/** The name of a code, undefined for codes nobody has named. */
export function resultName(code: number): ResultName | undefined {
  return BY_CODE.get(code)?.name;
}

/** What omshell prints for a code. */
export function resultText(code: number): string {
  return BY_CODE.get(code)?.text ?? '(result code text not available)';
}

/**
 * The server refused. `resultName` tells why, as a literal type: see {@link isStatus}. The codes that servers send have
 * classes of their own below.
 */
export class StatusError<Name extends ResultName | undefined = ResultName | undefined> extends OmapiError {
  override readonly name: string = 'StatusError';
  /** The number itself. */
  readonly result: number;
  readonly resultName: Name;
  /** What the server said beyond the code; `no object matches specification` and the like. */
  readonly serverText: string | undefined;

  constructor(result: number, serverText: string | undefined, doing: string) {
    const detail = serverText === undefined ? '' : ` (${serverText})`;
    const code = resultName(result) ?? `0x${result.toString(16)}`;
    super(`${doing}: ${resultText(result)}${detail} [${code}]`);
    this.result = result;
    this.resultName = resultName(result) as Name;
    this.serverText = serverText;
  }
}

/** No object fits, or the handle is dead (23). */
export class NotFoundError extends StatusError<'NOTFOUND'> {
  override readonly name = 'NotFoundError';
}
/** The object exists, or the attribute is set and can be set only once (18). */
export class ExistsError extends StatusError<'EXISTS'> {
  override readonly name = 'ExistsError';
}
/** The keys of a lookup belong to different objects (0x60007). */
export class KeyConflictError extends StatusError<'KEYCONFLICT'> {
  override readonly name = 'KeyConflictError';
}
/** Several leases have this client identifier or hardware address (0x60006). */
export class MultipleError extends StatusError<'MULTIPLE'> {
  override readonly name = 'MultipleError';
}
/** The attribute is read-only, or the key has not the right (6). */
export class PermissionError extends StatusError<'NOPERM'> {
  override readonly name = 'PermissionError';
}
/** A value of the wrong length or meaning (0x60003). */
export class InvalidArgumentError extends StatusError<'INVALIDARG'> {
  override readonly name = 'InvalidArgumentError';
}
/** The object has no such attribute (0x60020). */
export class UnknownAttributeError extends StatusError<'UNKNOWNATTRIBUTE'> {
  override readonly name = 'UnknownAttributeError';
}
/** Objects of this type can not be looked up, created or removed (27). */
export class NotImplementedError extends StatusError<'NOTIMPLEMENTED'> {
  override readonly name = 'NotImplementedError';
}
/** The statements do not parse (0x60008). */
export class StatementsError extends StatusError<'BADPARSE'> {
  override readonly name = 'StatementsError';
}
/** The server wants signed messages (0x60009). */
export class KeyRequiredError extends StatusError<'NOKEYS'> {
  override readonly name = 'KeyRequiredError';
}
/** The server rejected our signature, or this key altogether (0x6000b): usually a wrong secret. */
export class KeyRejectedError extends StatusError<'INVALIDKEY'> {
  override readonly name = 'KeyRejectedError';
}
/** The server could not write its leases (26). */
export class StorageError extends StatusError<'IOERROR'> {
  override readonly name = 'StorageError';
}

type StatusErrorClass = new (result: number, serverText: string | undefined, doing: string) => StatusError;

const ERROR_CLASSES: Partial<Record<ResultName, StatusErrorClass>> = {
  NOTFOUND: NotFoundError,
  EXISTS: ExistsError,
  KEYCONFLICT: KeyConflictError,
  MULTIPLE: MultipleError,
  NOPERM: PermissionError,
  INVALIDARG: InvalidArgumentError,
  UNKNOWNATTRIBUTE: UnknownAttributeError,
  NOTIMPLEMENTED: NotImplementedError,
  BADPARSE: StatementsError,
  NOKEYS: KeyRequiredError,
  INVALIDKEY: KeyRejectedError,
  IOERROR: StorageError,
};

/**
 * The error of a result code.
 * @param doing what was tried, for the message: `open host`
 */
export function statusError(result: number, serverText: string | undefined, doing: string): StatusError {
  const name = resultName(result);
  const ErrorClass = (name === undefined ? undefined : ERROR_CLASSES[name]) ?? StatusError;
  return new ErrorClass(result, serverText, doing);
}

/** True if an error is a refusal with one of these results; any refusal if none is given. */
export function isStatus<Name extends ResultName>(
  error: unknown,
  ...names: readonly Name[]
): error is StatusError<Name> {
  if (!(error instanceof StatusError)) return false;
  return names.length === 0 || names.includes(error.resultName as Name);
}
