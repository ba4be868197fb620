/** A server that does as a test tells it, for tests of the client. */

import { createServer, type Server, type Socket } from 'node:net';
import {
  type Authenticator,
  answersQuery,
  authenticatorAttributes,
  type Entry,
  encodeMessage,
  encodeSigned,
  encodeStartup,
  type OmapiMessage,
  type OutgoingMessage,
  readAuthenticatorRequest,
  StreamDecoder,
  statusAnswer,
  updateAnswer,
} from '@lessor/omapi';

/** Answers a request by hand. */
export interface Reply {
  readonly request: OmapiMessage;
  /** Which connection, from 1. */
  readonly connection: number;
  object(handle: number, object: readonly Entry[]): void;
  status(result: number, text?: string): void;
  /** Any message, unsigned. */
  unsigned(message: OutgoingMessage): void;
  /** Any octets. */
  octets(octets: Uint8Array): void;
  close(): void;
}

/** What a test answers. */
export type Handler = (reply: Reply) => void;

const AUTHID = 77;

/** Listens on loopback; opens keys by itself, hands everything else to the test. */
export class FakeServer {
  connections = 0;
  readonly requests: OmapiMessage[] = [];
  /** What is sent in place of a start-up, and whether anything is. */
  startup: Uint8Array | undefined = encodeStartup();
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private tid = 1;

  private constructor(
    private readonly key: Authenticator | undefined,
    private readonly handler: Handler,
  ) {
    this.server = createServer((socket) => this.serve(socket));
  }

  /** @param key what clients may open; signed requests are answered signed */
  static async start(handler: Handler, key?: Authenticator): Promise<FakeServer> {
    const fake = new FakeServer(key, handler);
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** Drops all connections and goes on listening. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  private serve(socket: Socket): void {
    const connection = ++this.connections;
    const decoder = new StreamDecoder();
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    if (this.startup !== undefined) socket.write(this.startup);
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame; frame = decoder.next()) this.answer(socket, connection, frame.message);
    });
  }

  private answer(socket: Socket, connection: number, request: OmapiMessage): void {
    const send = (message: OutgoingMessage): void => {
      const signed = request.authid === AUTHID && this.key !== undefined;
      socket.write(signed ? encodeSigned({ ...message, authid: AUTHID }, this.key!) : encodeMessage(message));
    };
    const query = readAuthenticatorRequest(request);
    if (query !== undefined) {
      const known = this.key !== undefined && answersQuery(this.key, query);
      if (known) send(updateAnswer(request, this.tid++, AUTHID, authenticatorAttributes(this.key!)));
      else send(statusAnswer(request, this.tid++, { result: 23, text: 'no object matches specification' }));
      return;
    }
    this.requests.push(request);
    this.handler({
      request,
      connection,
      object: (handle, object) => send(updateAnswer(request, this.tid++, handle, object)),
      status: (result, text) => send(statusAnswer(request, this.tid++, { result, text })),
      unsigned: (message) => socket.write(encodeMessage(message)),
      octets: (octets) => socket.write(octets),
      close: () => socket.end(),
    });
  }
}
