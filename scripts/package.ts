/**
 * `npm run package`: what is installed on a server. An npm package that brings the others of this repository with it,
 * and, where dpkg-deb is, a Debian package that needs nothing but Node.js. Both come into build/package (or the folder
 * that is named); their paths are printed.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { repoPath } from '../tests/lib/repo.js';

/** The packages of this repository that the server is made of. */
const OWN = ['dhcp', 'kea', 'omapi'];
/** Programs that come into /usr/bin. The ones with Kea's names stay in /usr/lib/lessor/bin: a Kea may be there too. */
const PROGRAMS = ['lessor', 'lessor-agent', 'lessor-omshell', 'lessor-shell'];
/** Debian's names of processors, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];

/** The members of a package.json that are looked at. */
interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

const target = process.argv[2] ?? repoPath('build', 'package');
const manifest = JSON.parse(readFileSync(repoPath('packages', 'server', 'package.json'), 'utf8')) as Manifest;

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const made = [npmPackage(join(target, 'npm'))];
const missing = run('dpkg-deb', ['--version']) === undefined;
const architecture = ARCHITECTURES[process.arch];
if (missing || architecture === undefined) {
  console.error(`no Debian package: ${missing ? 'dpkg-deb is not here' : `${process.arch} has no name in Debian`}`);
} else {
  made.push(debianPackage(join(target, 'debian'), architecture));
}
for (const path of made) console.log(path);

/** The server with the packages of this repository in it; what else it needs comes from the registry. */
function npmPackage(stage: string): string {
  copyProgram(stage);
  const bundled = OWN.map((name) => `@lessor/${name}`);
  writeFileSync(
    join(stage, 'package.json'),
    `${JSON.stringify({ ...manifest, bundleDependencies: bundled }, null, 2)}\n`,
  );
  for (const name of ['README.md', 'LICENSE']) cpSync(repoPath(name), join(stage, name));
  must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', target], stage);
  rmSync(stage, { recursive: true });
  return join(target, `lessor-${manifest.version}.tgz`);
}

/** Everything but Node.js itself, in Debian's places. */
function debianPackage(stage: string, architecture: string): string {
  const program = join(stage, 'usr', 'lib', 'lessor');
  copyProgram(program);
  cpSync(repoPath('packages', 'server', 'package.json'), join(program, 'package.json'));
  copyForeign(join(program, 'node_modules'));
  mkdirSync(join(stage, 'usr', 'bin'));
  for (const name of PROGRAMS) symlinkSync(`../lib/lessor/bin/${name}`, join(stage, 'usr', 'bin', name));
  cpSync(repoPath('packaging', 'systemd'), join(stage, 'usr', 'lib', 'systemd', 'system'), { recursive: true });
  const doc = join(stage, 'usr', 'share', 'doc', 'lessor');
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'docs', 'examples']) {
    cpSync(repoPath(name), join(doc, name), { recursive: true });
  }
  cpSync(repoPath('LICENSE'), join(doc, 'copyright'));
  allReadable(stage);
  const control = join(stage, 'DEBIAN');
  mkdirSync(control);
  for (const name of MAINTAINER_SCRIPTS) {
    cpSync(repoPath('packaging', 'debian', name), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  const fields = readFileSync(repoPath('packaging', 'debian', 'control'), 'utf8')
    .replace('@VERSION@', manifest.version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@SIZE@', String(Math.ceil(octetsIn(stage) / 1024)));
  writeFileSync(join(control, 'control'), fields);
  const path = join(target, `lessor_${manifest.version}_${architecture}.deb`);
  must('dpkg-deb', ['--build', '--root-owner-group', '-Zgzip', stage, path], target);
  rmSync(stage, { recursive: true });
  return path;
}

/** The compiled server, its programs and the packages of this repository below it. */
function copyProgram(to: string): void {
  const server = repoPath('packages', 'server');
  for (const part of ['dist', 'bin']) cpSync(join(server, part), join(to, part), { recursive: true, filter: wanted });
  for (const name of OWN) {
    const from = repoPath('packages', name);
    const place = join(to, 'node_modules', '@lessor', name);
    cpSync(join(from, 'dist'), join(place, 'dist'), { recursive: true, filter: wanted });
    cpSync(join(from, 'package.json'), join(place, 'package.json'));
  }
}

/** What the registry brought that the server needs, the part for this machine's processor included. */
function copyForeign(to: string): void {
  const foreign = Object.keys(manifest.dependencies ?? {}).filter((name) => !name.startsWith('@lessor/'));
  for (const name of foreign) cpSync(repoPath('node_modules', name), join(to, name), { recursive: true });
  const native = repoPath('node_modules', '@koromix');
  if (existsSync(native)) cpSync(native, join(to, '@koromix'), { recursive: true });
}

/** Source maps lead to sources that are not there. */
function wanted(path: string): boolean {
  return !path.endsWith('.map') && !path.endsWith('.tsbuildinfo');
}

/** Whatever the umask of who packs: everybody may read, programs may be run. */
function allReadable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) allReadable(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}

function octetsIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** What a program says; undefined if it is not there or fails. */
function run(command: string, args: readonly string[], cwd?: string): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', cwd });
  return status === 0 ? stdout : undefined;
}

function must(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', cwd });
  if (status === 0) return;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
