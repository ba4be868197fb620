/** Parameters of libdhcp_run_script (Kea ARM "Run Script Support for External Hook Scripts"). */

import type { RunScriptConfig } from '../domain/snapshot.js';
import { type BuildContext, reportInsecure } from './context.js';
import { restrictedPath } from './paths.js';
import type { Section } from './section.js';

const OTHERS_MAY_WRITE = 0o002;

/**
 * The script to call; undefined if there is none that may be (reported). Kea admits scripts in one directory since 2.6, as
 * whoever may change a configuration could else have any program run; Kea 2.2 took any path, for which there is -X. That
 * the file can be run is found when the configuration is put in force.
 */
export function buildRunScript(parameters: Section, context: BuildContext): RunScriptConfig | undefined {
  const { issues, environment } = context;
  const name = parameters.string('name');
  if (name === undefined) return undefined;
  const position = parameters.positionOf('name');
  const { directories, insecure } = environment;
  const path = restrictedPath(name, directories.scripts, 'a script', position, issues, insecure);
  if (path === undefined) return undefined;
  const mode = environment.fileMode?.(path);
  if (mode !== undefined && (mode & OTHERS_MAY_WRITE) !== 0) {
    const octal = mode.toString(8);
    reportInsecure(
      context,
      position,
      `anybody can change ${path} (mode ${octal}), and have what he likes run: chmod o-w ${path}`,
    );
  }
  return { path };
}
