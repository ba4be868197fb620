/**
 * The server under test. `SUBJECT=kea npm test` runs the same expectations against Debian's Kea, which is how they
 * were proven: an expectation is either met by both servers or its test says how Kea differs.
 */

import { findPeer, getPeer, skipUnless } from './peers.js';
import { repoPath } from './repo.js';

/** Servers the tests can run. */
export type SubjectName = 'lessor' | 'kea';

/** What the harness must know to run a server; the configuration file and everything else is the same. */
export interface Subject {
  readonly name: SubjectName;
  /** Program and arguments that run it in the foreground on a configuration file. */
  command(configFile: string): string[];
  /** The control channel as its configuration has it: Kea 2.2 knows one socket, Kea 3 a list. */
  controlSocket(path: string): Record<string, unknown>;
  /** Why it can not run here, or false. */
  skipReason(): string | false;
}

/** Every subject. */
export const SUBJECTS: Readonly<Record<SubjectName, Subject>> = {
  lessor: {
    name: 'lessor',
    command: (configFile) => [
      process.execPath,
      repoPath('packages', 'server', 'bin', 'kea-dhcp4'),
      '-X',
      '-c',
      configFile,
    ],
    controlSocket: (path) => ({ 'control-sockets': [{ 'socket-type': 'unix', 'socket-name': path }] }),
    skipReason: () => skipUnless('python3'),
  },
  kea: {
    name: 'kea',
    command: (configFile) => [getPeer('kea-dhcp4'), '-c', configFile],
    controlSocket: (path) => ({ 'control-socket': { 'socket-type': 'unix', 'socket-name': path } }),
    skipReason: () => skipUnless('python3', 'kea-dhcp4'),
  },
};

function chosen(): Subject {
  const name = process.env.SUBJECT ?? 'lessor';
  const subject = (SUBJECTS as Readonly<Record<string, Subject>>)[name];
  if (subject === undefined) throw new Error(`SUBJECT=${name}: choose from ${Object.keys(SUBJECTS).join(', ')}`);
  return subject;
}

/** The subject of this run: environment variable SUBJECT, default lessor. */
export const subject: Subject = chosen();

/** Folder of Kea's hook libraries (Debian), from which configurations name them; lessor goes by the file's name. */
export const KEA_HOOKS = '/usr/lib/x86_64-linux-gnu/kea/hooks';

/** `hooks-libraries` entry of one of Kea's libraries, as `lease_cmds`. */
export function hook(name: string, parameters?: Record<string, unknown>): Record<string, unknown> {
  return { library: `${KEA_HOOKS}/libdhcp_${name}.so`, ...(parameters && { parameters }) };
}

/** True if Kea is installed, for tests that need it beside the subject. */
export function keaInstalled(): boolean {
  return findPeer('kea-dhcp4') !== undefined;
}
