/** The half of a pair whose partner is a Kea, put together. */

import { KEA_STATES } from '../domain/ha/states.js';
import type { JsonMap } from '../domain/snapshot.js';
import { CommandError } from '../errors.js';
import { parseDate } from '../platform/clock.js';
import { answerKea } from '../services/kea-ha/answers.js';
import type { BackupPeer } from '../services/kea-ha/backups.js';
import { KeaHaService } from '../services/kea-ha/kea-ha-service.js';
import type { OperatorParts } from '../services/kea-ha/operator.js';
import { keaReport } from '../services/kea-ha/report.js';
import { ServiceOrigin } from '../services/service-switch.js';
import type { Base } from './base.js';
import type { Half, HalfParts } from './ha-half.js';

/** How long a backup may take for a lease. */
const BACKUP_TIMEOUT_MS = 10_000;

/** The backups of the configuration, with the way to each. */
export function backupPeers({ config, clientOf }: HalfParts): BackupPeer[] {
  return config().backups.map(({ name }) => ({
    name,
    send: async (command, args) => (await clientOf(name).ask(command, args, BACKUP_TIMEOUT_MS)).result,
  }));
}

/** Opens it. */
export function openKeaHalf({ clock }: Base, parts: HalfParts): Half {
  const { config, current, ledger, serviceSwitch, client, logger, clientOf } = parts;
  const service = new KeaHaService({
    config,
    ledger,
    clock,
    logger,
    async ask(command, args, timeoutMs) {
      const answer = await client.ask(command, args, timeoutMs);
      if (command === 'ha-heartbeat') parts.heard(answer.arguments);
      return answer;
    },
    backups: backupPeers(parts),
    parseTime: parseDate,
    onState(from, to, reason) {
      // So that status-get says who holds the service off, as Kea's does.
      if (KEA_STATES[to].scopes === 'none') serviceSwitch.disable(ServiceOrigin.haLocal);
      else serviceSwitch.enable(ServiceOrigin.haLocal);
      parts.notice({ kind: 'state', from, to, reason });
    },
  });
  serviceSwitch.disable(ServiceOrigin.haLocal);
  if (config().kea.maxUnackedClients === 0 && config().mode !== 'passive-backup') {
    const text =
      '"max-unacked-clients" is 0: as soon as the two servers do not hear each other for "max-response-delay", each takes the other ' +
      'for dead and serves everybody, also where both are alive; with 10, the default, a server has to see clients that nobody answers';
    logger.log('WARN', 'LESSOR_HA_NO_WATCH', text);
  }
  const operator: OperatorParts = {
    service,
    config,
    askOf(name) {
      if (name === config().self.name) throw new CommandError('command-invalid', `${name} is this server itself`);
      const peer = clientOf(name);
      return (command, args, timeoutMs) => peer.ask(command, args, timeoutMs);
    },
    hold(held) {
      if (held) serviceSwitch.disable(ServiceOrigin.haLocal);
      else if (KEA_STATES[service.status.state].scopes !== 'none') serviceSwitch.enable(ServiceOrigin.haLocal);
    },
    release: () => serviceSwitch.enable(ServiceOrigin.haRemote),
  };
  const report = keaReport(operator, () => clock.now());
  const answers = { service, operator, leases: ledger.leases, serviceSwitch, snapshot: current, report: () => report };
  return {
    redundancy: service,
    report,
    // Each server reclaims by its own clock, as two Keas do.
    mayReclaim: () => true,
    async answer(command, args) {
      const answer = await answerKea(command, args, answers);
      // So that a lessor on the other side knows that it could speak the safe protocol with us.
      if (command !== 'ha-heartbeat' || config().partnerKind !== 'auto') return answer;
      return { ...answer, arguments: { ...(answer.arguments as JsonMap), lessor: 1 } };
    },
    start: () => service.start(),
    stop: () => service.stop(),
    retire: () => service.stop(),
    prepare: async () => () => undefined,
    follow: () => undefined,
  };
}
