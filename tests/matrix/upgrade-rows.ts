/** Row 18: a server of the version before beside one of this version, with what rows 1 and 4 do to them. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { SUBJECTS, type Subject } from '../lib/subject.js';
import type { Row, Scene, Stage } from './scene.js';

/** Commit of the version before: environment variable LESSOR_PREVIOUS, or the newest that is a day older than this one. */
function previousCommit(): string {
  const wish = process.env.LESSOR_PREVIOUS;
  const git = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync('git', args, { cwd: repoPath(), encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${args[0]}: ${stderr.trim()}`);
    return stdout.trim();
  };
  if (wish !== undefined) return git('rev-parse', '--verify', `${wish}^{commit}`);
  const seconds = Number(git('log', '-1', '--format=%ct')) - 86_400;
  const found = git('log', '-1', '--format=%H', `--before=${seconds}`);
  if (found === '') throw new Error('the history here has no version before this one (a shallow clone?)');
  return found;
}

/** Builds a commit in a folder of its own. @throws Error if it is not there or can not be built */
function build(folder: string, commit: string): void {
  const archive = execFileSync('git', ['archive', commit, 'packages', 'tsconfig.base.json', 'package.json'], {
    cwd: repoPath(),
    maxBuffer: 1 << 28,
  });
  execFileSync('tar', ['x', '-C', folder], { input: archive });
  // The same dependencies, but its own packages.
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@lessor'), { recursive: true });
  for (const name of readdirSync(repoPath('node_modules'))) {
    if (name !== '@lessor') symlinkSync(repoPath('node_modules', name), join(modules, name));
  }
  for (const name of readdirSync(join(folder, 'packages'))) {
    if (name !== 'server') symlinkSync(join(folder, 'packages', name), join(modules, '@lessor', name));
  }
  const tsc = repoPath('node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-b', 'packages/server'], { cwd: folder, stdio: 'ignore' });
}

/** A subject that changes its version when it is started anew. */
class Upgradable implements Subject {
  readonly name = 'lessor';
  upgraded = false;
  readonly controlSocket = SUBJECTS.lessor.controlSocket;
  readonly skipReason = SUBJECTS.lessor.skipReason;

  constructor(private readonly folder: string) {}

  command(configFile: string): string[] {
    if (this.upgraded) return SUBJECTS.lessor.command(configFile);
    return [process.execPath, join(this.folder, 'packages', 'server', 'bin', 'kea-dhcp4'), '-X', '-c', configFile];
  }
}

async function upgrade(scene: Scene, subjects: readonly [Upgradable, Upgradable], commit: string): Promise<void> {
  const { system, effort } = scene;
  scene.note(`the version before is ${commit.slice(0, 7)}`);
  await system.stop(1);
  subjects[1].upgraded = true;
  await system.start(1);
  if (await isPair(scene)) {
    await system.kill(0);
    await scene.fault(effort.faultMs / 2);
    await system.start(0);
    await scene.together();
    system.lab.peerLink(false);
    await scene.fault(effort.faultMs / 2);
    system.lab.peerLink(true);
    await scene.together();
  } else {
    const { lessor } = (await system.lab.ha(1)) as { lessor: { reason: string } };
    scene.note(`the two versions are no pair (${lessor.reason})`);
    await scene.fault();
  }
  await system.stop(0);
  subjects[0].upgraded = true;
  await system.start(0);
  await scene.together();
  scene.end();
  await scene.fault(2000);
}

/** True if the two versions form a pair. */
async function isPair(scene: Scene): Promise<boolean> {
  return scene.together(15_000).then(
    () => true,
    () => false,
  );
}

function stage(): Stage {
  const folder = scratchFolder();
  try {
    const commit = previousCommit();
    build(folder, commit);
    const subjects = [new Upgradable(folder), new Upgradable(folder)] as const;
    return {
      variation: { subjects },
      run: (scene) => upgrade(scene, subjects, commit),
      close: () => removeScratch(folder),
    };
  } catch (error) {
    removeScratch(folder);
    throw error;
  }
}

/** See the head of this file. */
export const UPGRADE_ROWS: readonly Row[] = [
  {
    id: '18',
    title: 'one server after the other is upgraded from the version before',
    systems: ['lessor'],
    stage,
    excused: { I3: 'versions before 11816ab confirmed leases from their cache, and refused them later' },
  },
];
