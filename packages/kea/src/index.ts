/** Kea's control-channel wire: its JSON dialect, its framing on unix sockets, its envelope and its result codes. */

export { type Answer, type CommandEnvelope, EnvelopeError, formatAnswer, parseEnvelope } from './envelope.js';
export { formatJson, formatJsonIndented, formatJsonPieces, KEA_REAL_MEMBERS } from './format.js';
export { CommandFramer, DEFAULT_MAX_COMMAND_OCTETS, type FramingResult } from './framing.js';
export { type JsonMap, type JsonType, type JsonValue, jsonTypeOf } from './json.js';
export { JSON_MAX_DEPTH, JsonSyntaxError, type ParseOptions, parseCommandJson } from './parse.js';
export { ResultCode, type ResultCodeName } from './result.js';
