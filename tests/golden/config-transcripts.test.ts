/** What Kea 3.3.1 said to configurations sent by command or read from a file, replayed against loadConfig. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ConfigEnvironment } from 'lessor/internal/config/environment.js';
import { type ConfigSource, loadConfig } from 'lessor/internal/config/load.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { ConfigError } from 'lessor/internal/errors.js';
import { repoPath } from '../lib/repo.js';
import { testEnvironment } from '../unit/config-helpers.js';

interface Step {
  readonly name: string;
  readonly request?: { readonly command?: string; readonly arguments?: JsonMap };
  /** Text of the configuration file before the command (file dialect steps). */
  readonly file?: string;
  readonly response: { readonly result: number; readonly arguments?: { readonly Dhcp4: JsonMap } };
}

const transcript = JSON.parse(
  readFileSync(repoPath('tests', 'golden', 'transcripts', 'kea3.3-core-unix.json'), 'utf8'),
) as { readonly meta: { readonly config: JsonMap }; readonly steps: readonly Step[] };

/** Where we answer otherwise on purpose. */
const DEPARTURES: Readonly<Record<string, string>> = {
  'config-test: lease file elsewhere': 'refused at once; Kea notices only when it applies the configuration',
  'config-test: log file elsewhere': 'refused at once; Kea notices only when it applies the configuration',
  'config-test: comment and user-context': 'a comment at the top is taken from commands as it is from files',
};

function environmentOf(file = ''): ConfigEnvironment {
  return testEnvironment({ 'kea.conf': file }, { interfaceNames: ['lo', 'krd0'] });
}

function sourceOf({ request, file }: Step): ConfigSource | undefined {
  if (file !== undefined) return { kind: 'file', path: 'kea.conf' };
  const value = request?.arguments;
  const isConfiguration = value !== undefined && Object.hasOwn(value, 'Dhcp4');
  return isConfiguration ? { kind: 'json', value } : undefined;
}

function isAccepted(source: ConfigSource, file: string | undefined): boolean {
  try {
    loadConfig(source, environmentOf(file));
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

describe('kea3.3-core-unix', () => {
  let replayed = 0;
  for (const step of transcript.steps) {
    const source = sourceOf(step);
    if (source === undefined) continue;
    replayed++;
    const departure = DEPARTURES[step.name];
    it(`${step.name}${departure === undefined ? '' : `: ${departure}`}`, () => {
      const byKea = step.response.result === 0;
      assert.equal(isAccepted(source, step.file), departure === undefined ? byKea : !byKea);
    });
  }

  it('holds some 90 configurations', () => assert.ok(replayed > 85, String(replayed)));

  it('config-get gives the same tree', () => {
    const { snapshot } = loadConfig({ kind: 'json', value: transcript.meta.config as Json }, environmentOf());
    const recorded = transcript.steps.find(({ name }) => name === 'config-get')!.response.arguments!.Dhcp4;
    assert.deepEqual(JSON.parse(JSON.stringify(snapshot.tree)), recorded);
  });
});
