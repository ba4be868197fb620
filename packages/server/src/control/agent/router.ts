/**
 * The Control Agent's one decision (Kea up to 3.0: ca_command_mgr.cc): a request without `service` is its own, any
 * other goes to each daemon named, and the answers come back as a list in that order.
 */

import { formatJson, type JsonMap } from '@lessor/kea';
import { type Principal, Result } from '../command.js';
import type { DispatchOutcome } from '../dispatcher.js';
import {
  commandOf,
  type Dispatch,
  type DoorAnswer,
  type RequestHandler,
  readServices,
  requestError,
  withEnvelope,
} from '../door.js';

/** Sends a command to a daemon and resolves with the octets of its answer. @throws Error with the reason, for people */
export type AskDaemon = (path: string, command: string) => Promise<Buffer>;

/** What the router works with. */
export interface AgentRouterDeps {
  /** The agent's own commands. */
  readonly dispatch: Dispatch;
  /** Path of a daemon's unix socket by the name `service` has for it; looked up at each request. */
  readonly pathOf: (service: string) => string | undefined;
  readonly ask: AskDaemon;
  /** The answer where a command is not passed on; undefined: it is, and the daemon says what may be done. */
  readonly refusal?: (command: string, principal: Principal) => DispatchOutcome | undefined;
}

/** Why nothing is done with a command that only a server has. Kea's text: people look for it. */
const NO_SERVICE_HINT =
  ' You did not include "service" parameter in the command, which indicates that Kea Control Agent should process ' +
  'this command rather than forward it to one or more Kea servers. If you aimed to send this command to one of the ' +
  'Kea servers you should include the "service" parameter in your request, e.g. "service": [ "dhcp4" ] to forward ' +
  'the command to the DHCPv4 server, or "service": [ "dhcp4", "dhcp6", "d2" ] to forward it to DHCPv4, DHCPv6 and ' +
  'D2 servers etc.';

/** Answers requests as the Control Agent does. */
export function agentHandler({ dispatch, pathOf, ask, refusal }: AgentRouterDeps): RequestHandler {
  const forward = async (service: string, command: string): Promise<DoorAnswer> => {
    const path = pathOf(service);
    if (path === undefined) {
      return requestError(`forwarding socket is not configured for the server type ${service}`);
    }
    try {
      return { forwarded: await ask(path, command) };
    } catch (error) {
      const reason = (error as Error).message;
      return requestError(
        `unable to forward command to the ${service} service: ${reason}. The server is likely to be offline`,
        'command-failed',
      );
    }
  };
  return (json, origin) =>
    withEnvelope(json, async (envelope) => {
      const services = readServices(envelope.service);
      if (typeof services === 'string') return [requestError(services)];
      if (services.length === 0) {
        const outcome = await dispatch(commandOf(envelope, origin));
        if (outcome.result !== Result.unsupported) return [outcome];
        return [{ ...outcome, text: `${outcome.text ?? ''}${NO_SERVICE_HINT}` }];
      }
      const refused = refusal?.(envelope.command, origin.principal);
      if (refused !== undefined) return services.map(() => refused);
      // As it came, but for remote-address: old daemons refuse members they do not know.
      const { 'remote-address': _, ...command } = json as JsonMap;
      const text = formatJson(command);
      const answers: DoorAnswer[] = [];
      for (const service of services) answers.push(await forward(service, text));
      return answers;
    });
}
