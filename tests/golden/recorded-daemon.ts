/** A daemon behind an agent that answers each command as one did when it was recorded. */

import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { CommandFramer, formatJson, type JsonMap, type JsonValue, parseCommandJson } from '@lessor/kea';

/** Listens on a unix socket; answers by the name of the command. */
export async function recordedDaemon(
  path: string,
  answers: ReadonlyMap<string, JsonValue>,
): Promise<{ close(): Promise<void> }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const framer = new CommandFramer();
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      if (framer.push(chunk).state !== 'complete') return;
      const { command } = parseCommandJson(framer.text(), { comments: true }) as JsonMap;
      const nothing = { result: 2, text: `'${command}' command not supported.` };
      socket.end(formatJson(answers.get(command as string) ?? nothing));
    });
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}
