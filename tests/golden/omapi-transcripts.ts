/** Recorded OMAPI conversations (ISC dhcpd 4.4.3-P1), as tests read them. How they were made: PROTOCOL notes in docs/omapi.md. */

import { readdirSync, readFileSync } from 'node:fs';
import { repoPath } from '../lib/repo.js';

/** A message as the recorder's own decoder understood it. */
export interface DecodedStep {
  readonly startup?: true;
  readonly version?: number;
  readonly headerSize?: number;
  readonly authid: number;
  readonly op: number;
  readonly handle: number;
  readonly tid: number;
  readonly rid: number;
  /** Names and values, values in hexadecimal. */
  readonly message: readonly (readonly [string, string])[];
  readonly object: readonly (readonly [string, string])[];
  readonly signature?: string;
}

/** One message, or octets that are none, or the end of a direction. */
export interface Step {
  readonly dir: 'c2s' | 's2c';
  readonly hex?: string;
  readonly event?: 'fin' | 'reset' | 'silence';
  readonly connection?: number;
  readonly note: string;
  readonly decoded?: DecodedStep;
}

/** One conversation. */
export interface Transcript {
  readonly name: string;
  readonly client: string;
  readonly key: { readonly name: string; readonly algorithm: string; readonly secretBase64: string } | null;
  readonly clientInput?: string;
  readonly clientOutput?: { readonly stdout: string; readonly stderr: string; readonly exit: number };
  readonly steps: readonly Step[];
}

/** All transcripts in the repository, by name. */
export function loadTranscripts(): Transcript[] {
  const folder = repoPath('tests', 'golden', 'transcripts', 'omapi');
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as Transcript);
}
