/** loggers: what is logged where. */

import type { LoggerConfig } from '../domain/snapshot.js';
import type { PartContext } from './context.js';
import { restrictedPath } from './paths.js';
import type { Section } from './section.js';

const ROOT_LOGGER = 'kea-dhcp4';

/** Builds the loggers of a daemon; `output` of a file is its absolute path. */
export function buildLoggers(root: Section, context: PartContext, rootLogger = ROOT_LOGGER): LoggerConfig[] {
  return root.sections('loggers').map((section) => {
    checkName(section, context, rootLogger);
    return {
      name: section.string('name') ?? rootLogger,
      severity: section.or<LoggerConfig['severity']>('severity'),
      debugLevel: section.or<number>('debuglevel'),
      outputs: section.sections('output-options').map((item) => buildOutput(item, context)),
    };
  });
}

/** True for an output that is not a file. */
export function isStream(output: string): boolean {
  return output === 'stdout' || output === 'stderr' || output === 'syslog' || output.startsWith('syslog:');
}

function checkName(section: Section, { issues }: PartContext, rootLogger: string): void {
  const name = section.string('name');
  if (name === undefined || name === rootLogger || name.startsWith(`${rootLogger}.`)) return;
  const message = `nothing is logged under the name "${name}": use ${rootLogger} or ${rootLogger}.COMPONENT`;
  issues.warning('config-reference', section.positionOf('name'), message);
}

function buildOutput(section: Section, { issues, environment }: PartContext): LoggerConfig['outputs'][number] {
  const output = section.string('output') ?? 'stdout';
  const { directories, insecure } = environment;
  const position = section.positionOf('output');
  const path = isStream(output)
    ? output
    : restrictedPath(output, directories.log, 'a log file', position, issues, insecure);
  return {
    output: path ?? output,
    maxSizeOctets: section.or<number>('maxsize'),
    maxVersions: section.or<number>('maxver'),
    flush: section.or<boolean>('flush'),
    pattern: section.or<string>('pattern'),
  };
}
