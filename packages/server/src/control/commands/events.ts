/** events: what happened lately. GET /events of an HTTP control socket is the same as a stream, and asks here first. */

import { CORE_WORDING, defineCommand, integer, optional, text } from '../arguments.js';
import { type CommandRow, Result } from '../command.js';
import { eventToJson } from '../event-json.js';
import type { ControlServices } from '../services.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** The rows. */
export const EVENT_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'events',
    access: 'read',
    hook: 'lessor',
    summary: 'changes of leases and of the configuration after the event with the id `after`, the oldest first',
    args: { after: optional(text), limit: optional(integer) },
    wording: CORE_WORDING,
    run({ after, limit = DEFAULT_LIMIT }, { events }) {
      const place = after === undefined ? 0 : events.placeOf(after);
      const page = events.after(place ?? 0, Math.min(Math.max(limit, 0), MAX_LIMIT));
      const last = page.events.at(-1)?.sequence ?? place ?? events.last;
      return {
        result: page.events.length === 0 ? Result.empty : Result.success,
        text: `${page.events.length} event(s) returned.`,
        arguments: {
          events: page.events.map((event) => eventToJson(event, events.idOf(event.sequence))),
          last: events.idOf(last),
          // What came between `after` and the first of these is lost, or the server was started anew since.
          gap: after !== undefined && (place === undefined || page.gap),
        },
      };
    },
  }),
];
