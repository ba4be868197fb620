/**
 * One connection of OMAPI without its socket: keys, signatures, and what of a message is looked at in which order.
 * A message that can not be believed is never performed.
 */

import {
  type Authenticator,
  answersQuery,
  authenticatorAttributes,
  encodeMessage,
  encodeSigned,
  type Frame,
  findEntry,
  type OmapiMessage,
  Op,
  type OutgoingMessage,
  Result,
  readAuthenticatorRequest,
  statusAnswer,
  updateAnswer,
} from '@lessor/omapi';
import { FULL_RIGHTS } from '../../domain/access/rights.js';
import type { OmapiConfig, OmapiKey, OmapiRight } from '../../domain/snapshot.js';
import type { Logger } from '../../services/ports.js';
import type { Principal } from '../command.js';
import { OmapiRefusal } from './object.js';
import { changesThings, makesOneHost, readFlags } from './requests.js';
import type { OmapiAnswer, OmapiCaller, OmapiServer, Performed } from './server.js';

/** What is to be done after a message: send, then work, then close. */
export interface Reaction {
  /** The answer; undefined: there is none. */
  readonly octets?: Uint8Array;
  /** Once the answer has left. */
  readonly afterwards?: readonly (() => void)[];
  /** The other side does not speak the protocol: close when all answers have left. */
  readonly close?: string;
  /** The other side has named a key that is not there, or signed wrongly. */
  readonly failed?: true;
}

/** What a session is told of its connection. */
export interface SessionOrigin {
  readonly listener: string;
  readonly sourceAddress: string;
  /** Who has a key, or none, by the rules; absent, or undefined as its answer: no rules, or nobody. */
  readonly identify?: (key: string | undefined) => Principal | undefined;
}

/** A message may not carry its own header in a dictionary: the connection is closed. */
const RESERVED_NAMES = new Set(['object', 'notify-object', 'authid', 'op', 'handle', 'id', 'rid']);

const OPERATIONS: ReadonlySet<number> = new Set([Op.open, Op.refresh, Op.update, Op.notify, Op.delete]);

/** What may be done where there are no keys. Nobody should stop a server without a name. */
const UNSIGNED_RIGHTS: ReadonlySet<OmapiRight> = new Set(['read', 'hosts', 'leases']);

/** See the head of this file. */
export class OmapiSession {
  /** Keys opened on this connection, by their handles. */
  private readonly opened = new Map<number, OmapiKey>();
  private verified = false;

  /** @param tid of the first answer; draw it at random */
  constructor(
    private readonly server: OmapiServer,
    private readonly config: Pick<OmapiConfig, 'keys'>,
    private readonly origin: SessionOrigin,
    private readonly logger: Logger,
    private tid: number,
  ) {}

  /** True once a message was well signed, or where none has to be. */
  get trusted(): boolean {
    return this.verified || this.config.keys.length === 0;
  }

  /**
   * True for the making of an object that changes nothing else: it may be under way beside others of its kind, and their
   * answers still come in their order. Shown to be nothing by its signature it is refused like any other.
   */
  mayRunBeside({ message }: Frame): boolean {
    return makesOneHost(message);
  }

  /** Reacts to a message: at once, or where something may change, when that is over. Never throws or rejects. */
  react(frame: Frame): Reaction | Promise<Reaction> {
    const { message } = frame;
    const key = this.opened.get(message.authid);
    if (message.authid !== 0 && key === undefined) return { close: 'an authid that was not opened here', failed: true };
    const reserved = message.message.find(([name]) => RESERVED_NAMES.has(name));
    if (reserved !== undefined) return { close: `a parameter named ${reserved[0]}` };
    // Without a signature there is nothing to verify, and nothing is performed.
    if (key !== undefined && !key.authenticator.verify(frame)) {
      this.complain('LESSOR_OMAPI_BAD_SIGNATURE', `a message is not signed with key ${key.authenticator.name}`, key);
      return { ...this.status(message, undefined, Result.INVALIDKEY), failed: true };
    }
    if (key !== undefined) this.verified = true;
    if (key?.refusesReplays && changesThings(message) && this.server.replays.isReplay(message.signature)) {
      this.complain(
        'LESSOR_OMAPI_REPLAY',
        `a message signed with key ${key.authenticator.name} came a second time`,
        key,
      );
      return { ...this.status(message, undefined, Result.INVALIDKEY), failed: true };
    }
    const named = findEntry(message.message, 'authenticator');
    if (key !== undefined && named !== undefined && named.length > 0)
      return { close: 'a parameter named authenticator' };
    if (message.rid !== 0) return { close: 'an answer that nobody waits for' };
    const query = readAuthenticatorRequest(message);
    if (query !== undefined) return this.openKey(message, key);
    if (key === undefined && this.config.keys.length > 0) {
      this.server.recordFailure('a message without a signature', undefined, this.origin);
      return this.status(message, undefined, Result.NOKEYS, 'No authenticator on message');
    }
    if (!OPERATIONS.has(message.op)) return { close: `operation ${message.op}` };
    const performed = this.server.perform(message, this.callerOf(key));
    const reaction = ({ answer, afterwards }: Performed): Reaction => ({
      octets: this.encode(message, answer, key),
      afterwards,
    });
    return performed instanceof Promise ? performed.then(reaction) : reaction(performed);
  }

  /** Opening a key shows nothing: whoever has its secret shows that by the next message. */
  private openKey(message: OmapiMessage, signedWith: OmapiKey | undefined): Reaction {
    try {
      const { create, exclusive } = readFlags(message.message);
      const query = readAuthenticatorRequest(message)!;
      const found = this.config.keys.find(({ authenticator }) => answersQuery(authenticator, query));
      if (found === undefined) {
        const nothing = query.name === undefined && query.algorithm === undefined;
        if (create || nothing) throw new OmapiRefusal(Result.NOTIMPLEMENTED, "can't create new object");
        this.complain('LESSOR_OMAPI_UNKNOWN_KEY', 'a key is asked for that is not configured');
        throw new OmapiRefusal(Result.NOTFOUND, 'no object matches specification');
      }
      if (create) {
        const text = exclusive
          ? 'specified object already exists'
          : "can't update object: keys are in the configuration";
        throw new OmapiRefusal(Result.EXISTS, text);
      }
      const { authenticator } = found;
      const handle = this.server.handles.numberOf('authenticator', authenticator.name);
      this.opened.set(handle, found);
      const answer: OmapiAnswer = { kind: 'object', handle, object: authenticatorAttributes(authenticator) };
      return { octets: this.encode(message, answer, signedWith) };
    } catch (error) {
      if (!(error instanceof OmapiRefusal)) throw error;
      const refused = this.status(message, signedWith, error.result, error.message);
      return error.result === Result.NOTFOUND ? { ...refused, failed: true } : refused;
    }
  }

  private callerOf(key: OmapiKey | undefined): OmapiCaller {
    const { listener, sourceAddress } = this.origin;
    const name = key === undefined ? 'anybody' : key.authenticator.name;
    const method = key === undefined ? 'none' : 'omapi-key';
    const rights = key === undefined ? UNSIGNED_RIGHTS : key.rights;
    const kea: Principal = { name, method, rights: FULL_RIGHTS, sourceAddress };
    const { identify } = this.origin;
    const principal = identify === undefined ? kea : (identify(key && name) ?? { ...kea, rights: [] });
    return { principal, rights, listener };
  }

  private status(message: OmapiMessage, key: OmapiKey | undefined, result: number, text?: string): Reaction {
    const answer: OmapiAnswer = { kind: 'status', result, ...(text === undefined ? {} : { text }) };
    return { octets: this.encode(message, answer, key) };
  }

  private encode(request: OmapiMessage, answer: OmapiAnswer, key: OmapiKey | undefined): Uint8Array {
    const tid = this.tid;
    this.tid = (tid + 1) >>> 0;
    const message =
      answer.kind === 'object'
        ? updateAnswer(request, tid, answer.handle, answer.object)
        : statusAnswer(request, tid, { result: answer.result, text: answer.text });
    return key === undefined ? encodeMessage(message) : signed(message, request.authid, key.authenticator);
  }

  private complain(id: string, text: string, key?: OmapiKey): void {
    this.logger.log('WARN', id, `${this.origin.sourceAddress}: ${text}`);
    this.server.recordFailure(text, key?.authenticator.name, this.origin);
  }
}

function signed(message: OutgoingMessage, authid: number, authenticator: Authenticator): Uint8Array {
  return encodeSigned({ ...message, authid }, authenticator);
}
