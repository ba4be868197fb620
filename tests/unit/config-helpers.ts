/** Loading configurations in tests, without touching the machine. */

import { type ConfigEnvironment, directoriesFrom, type LoadedConfig, loadConfig } from 'lessor/internal/config/load.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { ConfigError, type ConfigIssue, formatIssue } from 'lessor/internal/errors.js';

/** An environment whose files are the ones given; directories are below /test. */
export function testEnvironment(
  files: Readonly<Record<string, string>> = {},
  overrides: Partial<ConfigEnvironment> = {},
): ConfigEnvironment {
  return {
    readFile(path) {
      if (!Object.hasOwn(files, path)) throw new Error(`no file ${path}`);
      return Buffer.from(files[path]!, 'utf8').toString('latin1');
    },
    directoryMode: () => 0o750,
    directories: directoriesFrom({
      KEA_DHCP_DATA_DIR: '/test/lib',
      KEA_CONTROL_SOCKET_DIR: '/test/run',
      KEA_LOG_FILE_DIR: '/test/log',
      KEA_HOOKS_PATH: '/hooks',
    }),
    insecure: false,
    generation: 1,
    ...overrides,
  };
}

/** Loads the text of a configuration file. */
export function loadText(text: string, overrides: Partial<ConfigEnvironment> = {}): LoadedConfig {
  return loadConfig({ kind: 'file', path: 'test.conf' }, testEnvironment({ 'test.conf': text }, overrides));
}

/** Loads the members of a `Dhcp4` map. */
export function loadDhcp4(dhcp4: Json, overrides: Partial<ConfigEnvironment> = {}): LoadedConfig {
  return loadConfig({ kind: 'json', value: { Dhcp4: dhcp4 } }, testEnvironment({}, overrides));
}

/** The issues of a configuration that is expected to be refused. @throws if it is not */
export function issuesOf(load: () => unknown): readonly ConfigIssue[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

/** The issues as lines. */
export function linesOf(issues: readonly ConfigIssue[]): string[] {
  return issues.map(formatIssue);
}
