/**
 * What reading a configuration may ask of the machine: files, directory modes, interface names and the directories
 * of Kea's environment variables. Handed in, so that config/ itself touches nothing.
 */

/** The directories Kea restricts paths to (CVE-2025-32801, -32802), absolute and without a final slash. */
export interface Directories {
  /** Lease file, `lease4-write`. */
  readonly data: string;
  /** Unix control sockets. */
  readonly controlSocket: string;
  /** Log files. */
  readonly log: string;
  /** Hook libraries. Undefined = any: none is ever loaded from disk, so the rule is kept only where it was asked for. */
  readonly hooks: string | undefined;
  /** Scripts of the run_script hook. */
  readonly scripts: string;
  readonly pid: string;
  /** Directory of `logger_lockfile`, or 'none' for no lock. */
  readonly lock: string;
  readonly legalLog: string;
}

/** Everything {@link loadConfig} needs from outside. */
export interface ConfigEnvironment {
  /** The file's octets as a binary string (one character per octet). @throws whatever the file system throws. */
  readonly readFile: (path: string) => string;
  /** Permission bits (mode & 0o7777) of a directory, undefined if it does not exist. */
  readonly directoryMode: (path: string) => number | undefined;
  /** Permission bits (mode & 0o777) of a file, undefined if it does not exist. Absent = do not check modes. */
  readonly fileMode?: (path: string) => number | undefined;
  /** Names of the interfaces there are, looked up when they are first asked for; undefined = do not check them. */
  readonly interfaceNames?: readonly string[] | undefined;
  readonly directories: Directories;
  /** -X: path and secret restrictions are warnings. */
  readonly insecure: boolean;
  /** Becomes ConfigSnapshot.generation. */
  readonly generation: number;
}

/** The environment for the next configuration. What it looks up when it is asked it still does. */
export function atGeneration(
  environment: Omit<ConfigEnvironment, 'generation'>,
  generation: number,
): ConfigEnvironment {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(environment)) as typeof environment;
  return Object.defineProperty(copy, 'generation', { value: generation, enumerable: true }) as ConfigEnvironment;
}

/** Environment variable and built-in default (Debian's paths) of each directory. */
const DIRECTORY_VARIABLES = {
  data: ['KEA_DHCP_DATA_DIR', '/var/lib/kea'],
  controlSocket: ['KEA_CONTROL_SOCKET_DIR', '/run/kea'],
  log: ['KEA_LOG_FILE_DIR', '/var/log/kea'],
  hooks: ['KEA_HOOKS_PATH', undefined],
  scripts: ['KEA_HOOK_SCRIPTS_PATH', '/usr/share/kea/scripts'],
  pid: ['KEA_PIDFILE_DIR', '/run/kea'],
  lock: ['KEA_LOCKFILE_DIR', '/run/kea'],
  legalLog: ['KEA_LEGAL_LOG_DIR', '/var/log/kea'],
} as const satisfies Readonly<Record<keyof Directories, readonly [variable: string, fallback: string | undefined]>>;

/** The directories of an environment (process.env): Kea's variables where set and not empty, else Debian's paths. */
export function directoriesFrom(variables: Readonly<Record<string, string | undefined>>): Directories {
  const directory = <T extends string | undefined>([variable, fallback]: readonly [string, T]): string | T => {
    const value = variables[variable];
    return value === undefined || value === '' ? fallback : trimSlashes(value);
  };
  return {
    data: directory(DIRECTORY_VARIABLES.data),
    controlSocket: directory(DIRECTORY_VARIABLES.controlSocket),
    log: directory(DIRECTORY_VARIABLES.log),
    hooks: directory(DIRECTORY_VARIABLES.hooks),
    scripts: directory(DIRECTORY_VARIABLES.scripts),
    pid: directory(DIRECTORY_VARIABLES.pid),
    lock: directory(DIRECTORY_VARIABLES.lock),
    legalLog: directory(DIRECTORY_VARIABLES.legalLog),
  };
}

/** The path without its final slashes, except for '/' itself. */
export function trimSlashes(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' && path !== '' ? '/' : trimmed;
}
