#!/usr/bin/env node
/**
 * Runs the compiled tests of build/tests with Node's own runner: first those that only compute, several files at a
 * time; then those that make network namespaces and start servers, one at a time.
 *
 *   node scripts/test.mjs [--serial-only|--parallel-only] [PART OF A FILE NAME ...]
 *
 * Afterwards every test that was skipped is listed with its reason. In CI (CI=true) a skip is a failure: what CI does
 * not run, nobody runs.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiled = join(root, 'build', 'tests');

/** Folders of tests/ whose files need the machine for themselves; those of all others may run beside each other. */
const SERIAL = ['interop', 'conformance'];
/** Node's runner counts it for a whole file: several times what the longest takes on a machine that has nothing else to do. */
const FILE_TIMEOUT_MS = 900_000;
const PARALLEL = foldersOf(compiled).filter((name) => !SERIAL.includes(name));

function foldersOf(path) {
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function testFiles(folder) {
  const path = join(compiled, folder);
  if (!existsSync(path)) return [];
  return (
    readdirSync(path, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.test.js'))
      // tsc leaves the output of a source file that was deleted or renamed: such a test is gone.
      .filter((name) => existsSync(join(root, 'tests', folder, name.replace(/\.js$/, '.ts'))))
      .map((name) => join(path, name))
      .sort()
  );
}

/** Runs the files; resolves with the exit code and the counts and skips the TAP report names. */
async function runNodeTests(files, concurrency, reportFile) {
  const args = [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${reportFile}`,
    ...files,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const status = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  const report = existsSync(reportFile) ? readFileSync(reportFile, 'utf8') : '';
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(report)?.[1] ?? 0);
  const skips = [...report.matchAll(/^\s*ok \d+ - (.*?) # SKIP(?: (.*))?$/gm)].map(([, test, reason]) => ({
    test,
    reason: reason ?? 'no reason given',
  }));
  return { status, passed: count('pass'), failed: count('fail'), skips };
}

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const wanted = (file) => words.length === 0 || words.some((word) => relative(compiled, file).includes(word));
const rounds = [
  { folders: PARALLEL, concurrency: 2, skip: process.argv.includes('--serial-only') },
  { folders: SERIAL, concurrency: 1, skip: process.argv.includes('--parallel-only') },
].filter(({ skip }) => !skip);

const scratch = mkdtempSync(join(tmpdir(), 'lessor-test-'));
const results = [];
for (const [index, { folders, concurrency }] of rounds.entries()) {
  const files = folders.flatMap(testFiles).filter(wanted);
  if (files.length > 0) results.push(await runNodeTests(files, concurrency, join(scratch, `${index}.tap`)));
}
rmSync(scratch, { recursive: true, force: true });

const sum = (name) => results.reduce((total, result) => total + result[name], 0);
const skips = results.flatMap((result) => result.skips);
if (skips.length > 0) {
  const reasons = groupByReason(skips);
  console.log('\nSkipped:');
  for (const [reason, group] of reasons) {
    console.log(`  ${reason}`);
    for (const { test } of group) console.log(`    - ${test}`);
  }
}
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${skips.length} skipped`);

const inCi = process.env.CI === 'true';
if (inCi && skips.length > 0) console.error('in CI a skipped test is a failure');
if (results.length === 0) console.error('no test file matches');
process.exitCode =
  results.length === 0 || results.some(({ status }) => status !== 0) || (inCi && skips.length > 0) ? 1 : 0;

function groupByReason(list) {
  const groups = new Map();
  for (const skip of list) groups.set(skip.reason, [...(groups.get(skip.reason) ?? []), skip]);
  return groups;
}
