/**
 * A responder that answers every OMAPI request with the same octets: no keys, no signatures, no leases. What it reaches
 * is what the generator, the kernel and Node's sockets leave: `node omapi-bare.js PORT ADDRESS`.
 */

import { createServer } from 'node:net';
import { encodeMessage, encodeStartup, Op, omapiMessage } from '@lessor/omapi';
import { AnswerScanner } from './lib/omapi-scan.js';

/** Octets an answer about a lease has, and where in it the rid is. */
const LEASE_ANSWER_OCTETS = 340;
const RID_AT = 20;
const STARTUP_OCTETS = 8;
/** About as long as an answer about a lease with its signature. */
const answer = encodeMessage(
  omapiMessage({ op: Op.update, handle: 1, tid: 1, object: [['value', Buffer.alloc(LEASE_ANSWER_OCTETS - 39)]] }),
);

const server = createServer({ noDelay: true }, (socket) => {
  socket.write(encodeStartup());
  const scanner = new AnswerScanner();
  let started = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (!started) {
      started = true;
      rest = chunk.subarray(STARTUP_OCTETS);
    }
    const answers: Buffer[] = [];
    scanner.push(rest, (request) => {
      const one = Buffer.from(answer);
      // The tid of a request is in front of where the rid of its answer is.
      request.copy(one, RID_AT, RID_AT - 4, RID_AT);
      answers.push(one);
    });
    if (answers.length > 0) socket.write(answers.length === 1 ? answers[0]! : Buffer.concat(answers));
  });
});
server.listen(Number(process.argv[2]), process.argv[3], () => process.stdout.write('ready\n'));
