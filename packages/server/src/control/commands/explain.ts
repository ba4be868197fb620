/** explain4: what would be answered to a packet, step by step, and why. Changes nothing. lessor's own. */

import { decodeMessage4 } from '@lessor/dhcp';
import { leaseToJson } from '../../domain/lease-json.js';
import { hex32, readableOptions, typeName } from '../../domain/message-text.js';
import { formatHex, formatIpv4, octetsOf } from '../../domain/values.js';
import { explainSteps } from '../../services/explain-steps.js';
import type { Explanation } from '../../services/explain4.js';
import { argumentMap, CORE_WORDING, invalid } from '../arguments.js';
import { type CommandRow, type JsonMap, Result } from '../command.js';
import { PACKET_ARGUMENTS, readPacket } from '../explain-packet.js';
import type { ControlServices } from '../services.js';

/** The rows. */
export const EXPLAIN_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'explain4',
    access: 'read',
    hook: 'lessor',
    summary:
      'what the server would answer to a packet and why: classes, subnet, reservation, address, lifetimes and the ' +
      'octets of the reply; changes nothing',
    args: PACKET_ARGUMENTS,
    run(command, { explainer, config }) {
      const args = argumentMap(command, CORE_WORDING);
      if (args === undefined) throw invalid("Missing mandatory 'arguments' parameter.");
      const datagram = readPacket(args, explainer.interfaces, config.current);
      const explanation = explainer.explain(datagram);
      const steps = explainSteps(explanation);
      return {
        result: Result.success,
        text: steps.map(({ stage, text }) => `${stage}: ${text}`).join('\n'),
        arguments: {
          packet: datagram.octets.toString('hex'),
          steps: steps.map(({ stage, text }) => ({ stage, text })),
          ...outcomeJson(explanation),
        },
      };
    },
  },
];

function outcomeJson(explanation: Explanation): JsonMap {
  const { decision, dropped, exchange, changes } = explanation;
  const grant = decision !== undefined && 'grant' in decision ? decision.grant : undefined;
  const subnet = grant?.subnet ?? exchange?.candidates[0];
  return {
    outcome: decision?.kind ?? dropped?.reason ?? 'none',
    classes: [...(exchange?.classNames ?? [])],
    ...(subnet === undefined ? {} : { 'subnet-id': subnet.id }),
    ...(grant === undefined
      ? {}
      : { 'ip-address': formatIpv4(grant.lease.address), 'valid-lifetime': grant.lifetimeSec }),
    changes: changes.map(
      (change): JsonMap =>
        change.kind === 'put' ? { put: leaseToJson(change.lease) } : { delete: formatIpv4(change.address) },
    ),
    ...replyJson(explanation),
  };
}

function replyJson({ reply, snapshot }: Explanation): JsonMap {
  if (reply === undefined) return {};
  const message = decodeMessage4(reply.octets);
  return {
    reply: {
      hex: Buffer.from(reply.octets).toString('hex'),
      destination: formatIpv4(reply.destination),
      port: reply.port,
      interface: reply.interface.name,
      ...(reply.hwAddress === undefined ? {} : { 'hw-address': formatHex(octetsOf(reply.hwAddress)) }),
      type: message.messageType === 0 ? 'BOOTREPLY' : `DHCP${typeName(message)}`,
      xid: hex32(message.xid),
      yiaddr: formatIpv4(message.yiaddr),
      siaddr: formatIpv4(message.siaddr),
      giaddr: formatIpv4(message.giaddr),
      options: readableOptions(message, snapshot.registry).map(({ code, name, value }) => ({ code, name, value })),
    },
  };
}
