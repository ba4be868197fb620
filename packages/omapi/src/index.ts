/** OMAPI, the management protocol of ISC dhcpd: codec (no I/O), keys, client. */

export {
  ALGORITHMS,
  type Algorithm,
  Authenticator,
  encodeSigned,
  findAlgorithm,
  type KeyOptions,
  wireName,
} from './authenticator.js';
export { formatHex } from './bytes.js';
export {
  type ControlState,
  type FailoverState,
  type HostSummary,
  ipv4Range,
  type Keys,
  type LeaseOfAddress,
  type LeaseState,
  OmapiClient,
} from './client.js';
export { type ConnectionOptions, OMAPI_PORT, OmapiConnection, type RequestOptions } from './connection.js';
export {
  AttributeMissingError,
  ConnectionError,
  DecodeError,
  EncodeError,
  KeyError,
  OmapiError,
  ProtocolError,
  SignatureError,
  StaleHandleError,
  TimeoutError,
  UnsupportedError,
  ValueError,
} from './errors.js';
export {
  type AuthenticatorQuery,
  answersQuery,
  authenticatorAttributes,
  authenticatorRequest,
  deleteRequest,
  describeMessage,
  isResponse,
  type OpenFlags,
  openRequest,
  type Request,
  readAuthenticatorRequest,
  readStatus,
  refreshRequest,
  type Status,
  statusAnswer,
  typeIn,
  updateAnswer,
  updateRequest,
} from './exchange.js';
export { DEFAULT_MAX_MESSAGE_OCTETS, type Frame, StreamDecoder } from './framing.js';
export {
  decodeDictionary,
  decodeMessage,
  type Entry,
  encodeDictionary,
  encodeMessage,
  entryMap,
  findEntry,
  HEADER_OCTETS,
  MAX_ENTRIES,
  type OmapiMessage,
  Op,
  type OutgoingEntry,
  type OutgoingMessage,
  type OutgoingValue,
  omapiMessage,
  opName,
} from './message.js';
export { expectDone, expectObject, type ObjectLink, OmapiObject } from './object.js';
export { type ClientOptions, ObjectClient, type OpenOptions, type ReconnectOptions } from './object-client.js';
export {
  attributeTypes,
  CONTROL_STATES,
  type DecodedAttributes,
  decodeAttributes,
  encodeAttributes,
  FAILOVER_STATES,
  LEASE_FLAGS,
  LEASE_STATES,
  OBJECTS,
  type ObjectInput,
  type ObjectType,
  type ObjectValues,
} from './objects.js';
export {
  ExistsError,
  InvalidArgumentError,
  isStatus,
  KeyConflictError,
  KeyRejectedError,
  KeyRequiredError,
  MultipleError,
  NotFoundError,
  NotImplementedError,
  PermissionError,
  Result,
  type ResultName,
  resultName,
  resultText,
  StatementsError,
  StatusError,
  StorageError,
  statusError,
  UnknownAttributeError,
} from './results.js';
export { type Answer, ClientSession, isUnsignedRefusal, type OutgoingRequest } from './session.js';
export { decodeStartup, encodeStartup, PROTOCOL_VERSION, STARTUP_OCTETS, type Startup } from './startup.js';
export { checkDeclarationName, quoteString, type SupersededOptions, supersede } from './statements.js';
export { systemTimers, type Timers } from './timers.js';
export {
  decodeHardwareAddress,
  decodeIpv4,
  encodeHardwareAddress,
  encodeIpv4,
  encodeText,
  encodeUint32,
  type ValueType,
} from './values.js';
