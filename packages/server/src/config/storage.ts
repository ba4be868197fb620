/** lease-database, expired-leases-processing and the checks of leases when loading. */

import type { ExpirationConfig, LeaseDatabaseConfig } from '../domain/snapshot.js';
import type { BuildContext } from './context.js';
import { restrictedPath } from './paths.js';
import type { Section } from './section.js';

/** Passwords Kea's examples carry, which it refuses always. */
export const DEFAULT_PASSWORDS: readonly string[] = ['keatest', '1234', '*****'];

const DEFAULT_LEASE_FILE = 'kea-leases4.csv';
const MEMFILE_PARAMETERS: readonly string[] = ['type', 'name', 'persist', 'lfc-interval', 'max-row-errors'];

/** The lease database; without one, memfile with its defaults. */
export function buildLeaseDatabase(root: Section, { issues, environment }: BuildContext): LeaseDatabaseConfig {
  const section = root.section('lease-database');
  const type = section?.string('type');
  if (section !== undefined && (type === 'mysql' || type === 'postgresql')) {
    const position = section.positionOf('type');
    issues.error('config-unsupported', position, `leases can not be stored in ${type} yet: use "memfile"`);
    checkPasswords(section, issues);
  } else if (section !== undefined) warnOfSqlParameters(section, issues);
  const name = section?.string('name') || DEFAULT_LEASE_FILE;
  const { data } = environment.directories;
  const position = (section ?? root).positionOf(section === undefined ? 'lease-database' : 'name');
  const path =
    type === 'mysql' || type === 'postgresql'
      ? undefined
      : restrictedPath(name, data, 'the lease file', position, issues, environment.insecure);
  return {
    persist: section?.boolean('persist') ?? true,
    path: path ?? `${data}/${DEFAULT_LEASE_FILE}`,
    lfcIntervalSec: section?.integer('lfc-interval') ?? 3600,
    maxRowErrors: section?.integer('max-row-errors') ?? 0,
  };
}

/** Reports passwords everybody knows, and one given twice over. */
function checkPasswords(section: Section, issues: BuildContext['issues']): void {
  const password = section.string('password');
  if (password !== undefined && DEFAULT_PASSWORDS.includes(password)) {
    issues.error(
      'config-insecure',
      section.positionOf('password'),
      'this password is a well-known one: choose another',
    );
  }
  if (section.mentions('password') && section.mentions('password-file')) {
    issues.error(
      'config-conflict',
      section.positionOf('password-file'),
      '"password" and "password-file" exclude each other',
    );
  }
}

function warnOfSqlParameters(section: Section, issues: BuildContext['issues']): void {
  const names = [
    'host',
    'port',
    'user',
    'password',
    'password-file',
    'connect-timeout',
    'max-reconnect-tries',
    'reconnect-wait-time',
    'on-fail',
    'retry-on-startup',
    'readonly',
    'trust-anchor',
    'cert-file',
    'key-file',
    'cipher-list',
    'ssl-mode',
  ];
  for (const name of names) {
    if (section.mentions(name) && !MEMFILE_PARAMETERS.includes(name)) {
      issues.warning('config-conflict', section.positionOf(name), `"${name}" has no effect with memfile`);
    }
  }
  for (const name of ['read-timeout', 'write-timeout', 'tcp-user-timeout']) {
    if ((section.integer(name) ?? 0) > 0) {
      issues.error('config-conflict', section.positionOf(name), `"${name}" is for databases, not for memfile`);
    }
  }
}

/** How expired leases are reclaimed. */
export function buildExpiration(section: Section): ExpirationConfig {
  return {
    reclaimTimerWaitSec: section.or<number>('reclaim-timer-wait-time'),
    flushReclaimedTimerWaitSec: section.or<number>('flush-reclaimed-timer-wait-time'),
    holdReclaimedSec: section.or<number>('hold-reclaimed-time'),
    maxReclaimLeases: section.or<number>('max-reclaim-leases'),
    maxReclaimTimeMs: section.or<number>('max-reclaim-time'),
    unwarnedReclaimCycles: section.or<number>('unwarned-reclaim-cycles'),
  };
}
