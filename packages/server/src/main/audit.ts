/** Where the audit of a server goes. */

import type { ConfigSnapshot } from '../domain/snapshot.js';
import { AuditFile } from '../platform/audit-file.js';
import { type AuditPort, auditToLogger } from '../services/audit.js';
import type { StartBase } from './base.js';

/** The log, and the chained file where there is one; the file stays the same as long as the process lives. */
export function openAudit({ clock, logger, ending }: StartBase, { access }: ConfigSnapshot): AuditPort {
  const log = auditToLogger(logger.child('audit'));
  if (access?.audit === undefined) return log;
  const file = new AuditFile(access.audit, { clock, logger });
  ending.onEnd(() => file.close());
  return {
    record(record) {
      file.record(record);
      log.record(record);
    },
  };
}
