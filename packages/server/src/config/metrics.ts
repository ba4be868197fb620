/** The `metrics` block (`user-context.lessor.metrics`): where counters are served for a monitoring system. */

import { isIP } from 'node:net';
import type { ListenerPolicy } from '../domain/access/policy.js';
import type { BuildContext } from './context.js';
import { blockOf, type ClientSide, describedListener } from './listeners.js';
import type { Section } from './section.js';

/** Builds the listener; undefined if there is none. */
export function buildMetrics(root: Section, clients: ClientSide, context: BuildContext): ListenerPolicy | undefined {
  const section = blockOf(root, 'metrics', ['lessor', 'metrics'], context);
  if (section === undefined) return undefined;
  const address = section.or<string>('address');
  const port = section.integer('port');
  if (isIP(address) === 0) {
    const message = `"${address}" is not an IP address (names are not taken)`;
    context.issues.error('config-range', section.positionOf('address'), message);
  }
  if (port === undefined || isIP(address) === 0) return undefined;
  // Counters are no secret: they are served as they are, to those who are named.
  const facts = { kind: 'metrics', name: 'metrics', address, port, encrypted: false, identity: [] } as const;
  return describedListener(section, facts, clients, context);
}
