/** Kea's control channel: a client for it, and its wire (JSON dialect, framing, envelope, result codes). */

export { KeaClient, type LeaseCounts, type PageOptions, type RunningConfig, type Version } from './client.js';
export { type CallParameters, type ClientOptions, CommandClient } from './command-client.js';
export type { AnswerOf, ArgumentsOf, KeaCommandName, KeaCommands } from './commands.js';
export { type Answer, type CommandEnvelope, EnvelopeError, formatAnswer, parseEnvelope } from './envelope.js';
export {
  ConflictError,
  ConnectionError,
  EmptyError,
  FatalError,
  HttpStatusError,
  KeaError,
  ProtocolError,
  ResultError,
  TimeoutError,
  UnsupportedError,
} from './errors.js';
export { formatJson, formatJsonIndented, formatJsonPieces, KEA_REAL_MEMBERS } from './format.js';
export { CommandFramer, DEFAULT_MAX_COMMAND_OCTETS, type FramingResult } from './framing.js';
export { type JsonMap, type JsonType, type JsonValue, jsonTypeOf } from './json.js';
export type {
  ClientClass4,
  IdentifierType,
  Lease4,
  Lease4Input,
  Lease4Key,
  LeaseState,
  OptionData,
  Pool4,
  Reservation4,
  ReservationKey,
  ReservationTarget,
  ResultSet,
  Samples,
  ServerStatus,
  SharedNetwork4,
  Subnet4,
  SubnetSummary,
} from './model.js';
export { JSON_MAX_DEPTH, JsonSyntaxError, type ParseOptions, parseCommandJson } from './parse.js';
export { ResultCode, type ResultCodeName } from './result.js';
export type { CallOptions } from './timers.js';
export type { Endpoint, TlsOptions } from './transport.js';
export { type Command, decodeAnswers, encodeCommand, type KeaAnswer } from './wire.js';
