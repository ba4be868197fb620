/**
 * Answers every connection to a unix socket with the same octets, at most so many a second: node control-bare.js SOCKET
 * OCTETS PER_SECOND. DHCP beside it is what DHCP beside long answers could be at best: they cost another process what
 * they cost the machine, and the DHCP server nothing.
 */

import { createServer } from 'node:net';

const [path, octets, perSecond] = process.argv.slice(2);
const answer = Buffer.alloc(Number(octets), 'x');
const intervalMs = 1000 / Number(perSecond);
let due = performance.now();

createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', () => {
    const now = performance.now();
    due = Math.max(due + intervalMs, now);
    if (due - now < 1) socket.end(answer);
    else setTimeout(() => socket.end(answer), due - now);
  });
}).listen(path, () => process.stdout.write('listening\n'));
