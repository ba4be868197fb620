/** hooks-libraries: the libraries whose function is built in, the checks of their parameters, and what to do without the others. */

import { compileStringExpression, ExpressionSyntaxError } from '../domain/classes/compile.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { isBuiltInClass } from './built-in-classes.js';
import { checkSection } from './check.js';
import type { BuildContext } from './context.js';
import { buildOptionRules } from './flex-option.js';
import { checkHighAvailability } from './ha.js';
import { buildHighAvailability } from './ha-build.js';
import { memberPath } from './issues.js';
import { splitPath } from './paths.js';
import { buildPingCheck, type PingCheckDefaults } from './ping-check.js';
import { buildRunScript } from './run-script.js';
import type { ScopeName } from './schema.js';
import type { Section } from './section.js';
import { nearestWord } from './spelling.js';

/** One hook library Kea knows. */
export interface HookRow {
  /** Scope its parameters are checked as; undefined = the library is refused. */
  readonly scope?: ScopeName;
  /** Said as a warning where the library is accepted, as the reason where it is refused. */
  readonly note?: string;
  /** What is done otherwise than by Kea's, for the manual. */
  readonly differs?: string;
}

/** What is known of Kea's libraries (ARM "Available Hook Libraries"), by name without `lib` and `.so`. */
export const HOOK_LIBRARIES: Readonly<Record<string, HookRow>> = {
  dhcp_lease_cmds: { scope: 'no-hook-parameters' },
  dhcp_stat_cmds: { scope: 'no-hook-parameters' },
  dhcp_host_cmds: { scope: 'no-hook-parameters' },
  dhcp_subnet_cmds: { scope: 'no-hook-parameters' },
  dhcp_class_cmds: { scope: 'no-hook-parameters' },
  dhcp_bootp: { scope: 'no-hook-parameters' },
  dhcp_flex_id: { scope: 'flex-id', differs: '`ignore-iaid` has no effect.' },
  dhcp_flex_option: { scope: 'flex-option' },
  dhcp_ha: { scope: 'ha', differs: 'See [Two servers](ha.md).' },
  dhcp_ping_check: {
    scope: 'ping-check',
    differs:
      'What a subnet does not say is as the parameters have it (so the manual of Kea; its code takes the defaults). Only a reply with the octets that were sent counts. More than `parked-packet-limit` offers at once go out unchecked, where Kea drops them. See [Ping before an offer](ping-check.md).',
  },
  dhcp_limits: {
    scope: 'no-hook-parameters',
    differs:
      'Rates of more than 4096 packets are counted in 256 parts of their time. Of the classes that templates make the 65536 last seen for the first time are counted. See [Limits](limits.md).',
  },
  dhcp_run_script: { scope: 'run-script', differs: 'See below, and [Run a script](run-a-script.md).' },
  dhcp_legal_log: { note: 'there is no legal log' },
  dhcp_mysql: { note: 'leases are stored in memfile only' },
  dhcp_pgsql: { note: 'leases are stored in memfile only' },
  dhcp_mysql_cb: { note: 'there is no configuration backend' },
  dhcp_pgsql_cb: { note: 'there is no configuration backend' },
  dhcp_cb_cmds: { note: 'there is no configuration backend' },
  dhcp_host_cache: { note: 'reservations are in memory and need no cache' },
  dhcp_radius: { note: 'RADIUS is not spoken' },
  dhcp_rbac: { note: 'who may do what is told by "access" in user-context, see docs/lock-it-down.md' },
  dhcp_lease_query: { note: 'lease queries (RFC 4388) are not answered' },
  dhcp_perfmon: { note: 'packet timings are not collected by subnet' },
  dhcp_ddns_tuning: { note: 'names for DNS can not be computed by expressions' },
  dhcp_user_chk: { note: 'there is no user registry' },
  ddns_gss_tsig: { note: 'this library is for the DNS update server' },
  ca_rbac: { note: 'this library is for the control agent' },
};

/** What the hook libraries of a configuration come to. */
export interface BuiltHooks {
  readonly hooks: ConfigSnapshot['hooks'];
  readonly bootpEnabled: boolean;
  readonly flexIdentifier: ConfigSnapshot['flexIdentifier'];
  readonly optionRules: ConfigSnapshot['optionRules'];
  readonly runScript: ConfigSnapshot['runScript'];
  readonly ha: ConfigSnapshot['ha'];
  readonly pingCheck: PingCheckDefaults | undefined;
  /** libdhcp_limits is there. */
  readonly limits: boolean;
}

/** Checks hooks-libraries and takes over what acts. */
export function buildHooks(root: Section, context: BuildContext): BuiltHooks {
  let bootpEnabled = false;
  let flexIdentifier: ConfigSnapshot['flexIdentifier'];
  let optionRules: ConfigSnapshot['optionRules'] = [];
  let runScript: ConfigSnapshot['runScript'];
  let ha: ConfigSnapshot['ha'] = [];
  let pingCheck: PingCheckDefaults | undefined;
  const hooks: { library: string; parameters?: NonNullable<ConfigSnapshot['hooks'][number]['parameters']> }[] = [];
  const seen = new Set<string>();
  for (const section of root.sections('hooks-libraries')) {
    const library = section.string('library');
    if (library === undefined) continue;
    const parameters = section.json('parameters');
    hooks.push({ library, ...(parameters === undefined ? {} : { parameters }) });
    const name = libraryName(library);
    if (seen.has(name)) {
      context.issues.error('config-duplicate', section.positionOf('library'), `${library} is given twice`);
      continue;
    }
    seen.add(name);
    const checked = checkLibrary(section, library, name, context);
    if (name === 'dhcp_bootp') bootpEnabled = true;
    if (name === 'dhcp_flex_id' && checked !== undefined) flexIdentifier = buildFlexIdentifier(checked, context);
    if (name === 'dhcp_flex_option' && checked !== undefined) optionRules = buildOptionRules(checked, context);
    if (name === 'dhcp_ping_check' && checked !== undefined) pingCheck = buildPingCheck(checked);
    if (name === 'dhcp_run_script' && checked !== undefined) runScript = buildRunScript(checked, context);
    if (name === 'dhcp_ha' && checked !== undefined) {
      checkHighAvailability(checked, context.issues);
      ha = buildHighAvailability(checked, context);
    }
  }
  return {
    hooks,
    bootpEnabled,
    flexIdentifier,
    optionRules,
    runScript,
    ha,
    pingCheck,
    limits: seen.has('dhcp_limits'),
  };
}

/** `/usr/lib/kea/hooks/libdhcp_ha.so` is `dhcp_ha`. */
export function libraryName(library: string): string {
  return splitPath(library).name.replace(/^lib/, '').replace(/\.so$/, '');
}

/** Checks one entry; its parameters, if the library is one of ours. */
function checkLibrary(section: Section, library: string, name: string, context: BuildContext): Section | undefined {
  const { issues, environment } = context;
  const position = section.positionOf('library');
  const { directory } = splitPath(library);
  const allowed = environment.directories.hooks;
  if (directory !== undefined && allowed !== undefined && directory !== allowed) {
    issues.insecure(environment.insecure, position, `hook libraries may be in ${allowed} only, not in ${directory}`);
  }
  const row = Object.hasOwn(HOOK_LIBRARIES, name) ? HOOK_LIBRARIES[name] : undefined;
  if (row?.scope === undefined) {
    const nearest = row === undefined ? nearestWord(name, Object.keys(HOOK_LIBRARIES)) : undefined;
    const hint =
      nearest === undefined
        ? 'no library is loaded from disk, and this one has no built-in counterpart'
        : `did you mean lib${nearest}.so?`;
    issues.error('config-unsupported', position, `hook library ${library} is not supported: ${row?.note ?? hint}`);
    return undefined;
  }
  if (row.note !== undefined) issues.warning('config-unsupported', position, `${library}: ${row.note}`);
  const node = section.node('parameters') ?? { kind: 'map', at: position, members: new Map() };
  return checkSection(node, row.scope, memberPath(section.path, 'parameters'), issues);
}

function buildFlexIdentifier(
  parameters: Section,
  { issues, registry }: BuildContext,
): ConfigSnapshot['flexIdentifier'] {
  const text = parameters.string('identifier-expression');
  if (text === undefined) return undefined;
  try {
    const expression = compileStringExpression(text, { registry, isDefined: isBuiltInClass });
    return { expression, replaceClientId: parameters.or<boolean>('replace-client-id') };
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    const message = `expression ${text}: column ${error.column}: ${error.message}`;
    issues.error('config-range', parameters.positionOf('identifier-expression'), message);
    return undefined;
  }
}
