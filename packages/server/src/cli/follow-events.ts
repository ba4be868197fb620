/** Following a server's event stream (GET /events), and coming back to it where it was lost. */

import { leaseFromJson } from '../domain/lease-json.js';
import type { JsonMap } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { type Io, writeLine } from './io.js';
import { formatJsonLine, formatLine, type LeaseFilter } from './lease-view.js';

/** How long to wait before coming back. */
const RETRY_MS = 1000;

/** Basic authentication. */
interface Login {
  readonly user: string;
  readonly password: string;
}

/** Prints every change of a lease until the user interrupts. @throws LessorError if the server refuses */
export async function followEvents(
  url: URL,
  login: Login | undefined,
  filter: LeaseFilter,
  json: boolean,
  io: Io,
): Promise<void> {
  let last: string | undefined;
  const ended = (): boolean => io.signal?.aborted === true;
  while (!ended()) {
    try {
      const response = await fetch(url, { headers: headersOf(login, last), ...(io.signal && { signal: io.signal }) });
      if (!response.ok) throw new LessorError('command-failed', `${url} answers ${response.status}`);
      for await (const { id, event, data } of readEvents(response)) {
        last = id ?? last;
        if (event !== undefined) print(event, data, filter, json, io);
      }
    } catch (error) {
      if (ended()) return;
      // A server that is started anew is waited for; one that was never there is an error.
      if (error instanceof LessorError || last === undefined) throw error;
    }
    if (!ended()) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function headersOf(login: Login | undefined, last: string | undefined): Record<string, string> {
  const basic = login && Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return {
    Accept: 'text/event-stream',
    ...(basic === undefined ? {} : { Authorization: `Basic ${basic}` }),
    ...(last === undefined ? {} : { 'Last-Event-ID': last }),
  };
}

/** One block of the stream. */
interface Block {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** The blocks of a stream, as far as this server writes them: one line of data each. */
async function* readEvents(response: Response): AsyncGenerator<Block> {
  let held = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    held += decoder.decode(piece, { stream: true });
    const blocks = held.split('\n\n');
    held = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.split(': ')[0]!, line.slice(line.indexOf(': ') + 2)]),
      );
      const [id, event] = [fields.get('id'), fields.get('event')];
      yield {
        data: fields.get('data') ?? '',
        ...(id === undefined ? {} : { id }),
        ...(event === undefined ? {} : { event }),
      };
    }
  }
}

function print(event: string, data: string, filter: LeaseFilter, json: boolean, io: Io): void {
  if (event === 'gap') {
    writeLine(io.stderr, 'changes before this one are lost: list the leases again');
    return;
  }
  const value = JSON.parse(data) as JsonMap;
  if (value.lease === undefined) return;
  const lease = leaseFromJson(value.lease as JsonMap);
  const nowSec = Math.floor(Date.now() / 1000);
  if (!filter(lease, nowSec)) return;
  const removed = event === 'lease-removed';
  if (!json) writeLine(io.stdout, `${formatLine(lease, nowSec)}${removed ? '  removed' : ''}`);
  else
    writeLine(
      io.stdout,
      removed ? JSON.stringify({ removed: (value.lease as JsonMap)['ip-address'] }) : formatJsonLine(lease),
    );
}
