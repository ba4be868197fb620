/** `lessor audit`: is the audit file whole, and how far does it go. */

import { type AuditHead, verifyChain } from '../domain/access/audit-chain.js';
import { linesOfAll, readHead } from '../platform/audit-file.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'head', value: 'SEQ:HASH', help: 'verify: a head kept elsewhere, which must be on the chain' },
];

/** Usage text of `lessor audit`. */
export const AUDIT_USAGE = `Usage: lessor audit verify [options] FILE
       lessor audit head FILE

verify follows the chain of an audit file and of the full files beside it, and
finds records that were altered, dropped, put in another order or cut off.
head prints how far the chain goes; keep that line on another machine.

${formatOptions(OPTIONS)}

Exit codes: 0 the file is whole, 1 it is not, 2 wrong usage.
`;

/** Runs `lessor audit`. */
export async function runAudit(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [verb, path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) throw new UsageError('give a verb and one file');
  const head = readHead(path);
  if (verb === 'head') {
    writeLine(io.stdout, `${head.seq}:${head.hash}`);
    return ExitCode.ok;
  }
  if (verb !== 'verify') throw new UsageError(`no verb '${verb}'`);
  const kept = args.value('head');
  const lines = linesOfAll(path);
  const faults = verifyChain(lines, [head, ...(kept === undefined ? [] : [parseHead(kept)])]);
  for (const { seq, text } of faults) writeLine(io.stderr, `${path}: record ${seq} ${text}`);
  writeLine(
    io.stdout,
    `${path}: ${lines.length} records, ${faults.length === 0 ? 'whole' : `${faults.length} faults`}`,
  );
  return faults.length === 0 ? ExitCode.ok : ExitCode.failed;
}

function parseHead(text: string): AuditHead {
  const match = /^(\d+):([0-9a-f]{64})$/.exec(text);
  if (match === null) throw new UsageError(`'${text}' is not SEQ:HASH`);
  return { seq: Number(match[1]), hash: match[2]!, first: 1 };
}
