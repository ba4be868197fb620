/** listener-list and isolation-check: the doors of this server, to whom they are open, and whether they stand apart. */

import { isLoopback } from '../../domain/access/addresses.js';
import { exposureOf } from '../../domain/access/exposure.js';
import type { ListenerPolicy } from '../../domain/access/policy.js';
import { CHECKS } from '../../domain/isolation/checks.js';
import { deviceOf } from '../../domain/isolation/facts.js';
import type { IsolationMonitor, ListenerState } from '../../services/isolation.js';
import { CORE_WORDING, defineCommand } from '../arguments.js';
import { type CommandRow, type Json, type JsonMap, Result } from '../command.js';
import type { ControlServices } from '../services.js';

/** The rows. */
export const LISTENER_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'listener-list',
    access: 'read',
    hook: 'lessor',
    summary: 'every control listener: where it is, to whom it is open, and whether it stands apart from clients',
    args: {},
    wording: CORE_WORDING,
    run(_, { config, isolation }) {
      const { listeners, access } = config.current;
      const exposure = exposureOf(listeners, access, isLoopback);
      const states = new Map(isolation.states.map((state) => [state.listener.name, state]));
      const list = listeners.map((listener, index) => ({
        ...listenerToJson(listener),
        exposure: exposure[index]!.text,
        ...isolationOf(states.get(listener.name)),
      }));
      return { result: Result.success, text: `${list.length} listeners.`, arguments: { listeners: list } };
    },
  }),
  isolationCheck(),
];

/** What the server and its agent answer alike. */
export function isolationCheck(): CommandRow<{ readonly isolation: Pick<IsolationMonitor, 'check'> }> {
  return defineCommand({
    name: 'isolation-check',
    access: 'read',
    hook: 'lessor',
    summary: 'checks anew, with a leak probe, whether control listeners stand apart from clients',
    args: {},
    wording: CORE_WORDING,
    async run(_, { isolation }: { readonly isolation: Pick<IsolationMonitor, 'check'> }) {
      const states = await isolation.check();
      const list = states.map((state) => ({ ...listenerToJson(state.listener), ...isolationOf(state) }));
      const shared = states.filter(({ judgement }) => judgement.verdict !== 'dedicated').length;
      const text = `${list.length} listeners beyond this machine, ${shared === 0 ? 'all' : list.length - shared} dedicated.`;
      return { result: Result.success, text, arguments: { listeners: list } };
    },
  });
}

/** For status-get: the verdict of each listener that can be reached from elsewhere; undefined if there is none. */
export function isolationStatus({ states }: Pick<IsolationMonitor, 'states'>): Json | undefined {
  if (states.length === 0) return undefined;
  return states.map(({ listener, judgement, stopped }) => ({
    listener: listener.name,
    verdict: judgement.verdict,
    administration: administrationOf(stopped),
  }));
}

function listenerToJson(listener: ListenerPolicy): JsonMap {
  const { name, kind, plane, address, port, sources, commands } = listener;
  const device = deviceOf(listener);
  return {
    name,
    kind,
    plane,
    address,
    ...(kind === 'kea-unix' ? {} : { port }),
    ...(device === undefined ? {} : { interface: device }),
    ...(sources === undefined ? {} : { sources: sources.map((source) => `${source.address}/${source.prefixLength}`) }),
    ...(commands === undefined ? {} : { commands }),
  };
}

function isolationOf(state: ListenerState | undefined): { isolation?: JsonMap } {
  if (state === undefined) return {};
  const { listener, judgement, since, stopped } = state;
  const titles = new Map(CHECKS.map(({ id, title }) => [id, title]));
  const checks = judgement.findings.map(({ check, outcome, evidence, remedy }) => ({
    check,
    title: titles.get(check)!,
    outcome,
    evidence,
    ...(remedy === undefined ? {} : { remedy }),
  }));
  return {
    isolation: {
      policy: listener.isolation,
      verdict: judgement.verdict,
      since: Math.floor(since / 1000),
      administration: administrationOf(stopped),
      checks,
    },
  };
}

function administrationOf(stopped: boolean): string {
  return stopped ? 'stopped' : 'open';
}
