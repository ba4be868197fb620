/** The architecture as a test: which way imports point, and who may name time, timers and chance. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { repoPath } from '../lib/repo.js';

/**
 * Who may import whom, besides themselves. `ports` is services/ports.ts alone: what adapters implement.
 * A row says everything: an arrow that is not here is drawn backwards.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  version: [],
  domain: ['errors'],
  config: ['domain', 'errors'],
  ports: ['domain', 'config', 'errors'],
  services: ['ports', 'config', 'domain', 'errors'],
  store: ['ports', 'config', 'domain', 'errors'],
  platform: ['ports', 'config', 'domain', 'errors'],
  control: ['services', 'ports', 'config', 'domain', 'errors'],
  transports: ['control', 'services', 'ports', 'config', 'domain', 'errors'],
  main: ['transports', 'control', 'services', 'ports', 'store', 'platform', 'config', 'domain', 'errors', 'version'],
  index: [
    'main',
    'transports',
    'control',
    'services',
    'ports',
    'store',
    'platform',
    'config',
    'domain',
    'errors',
    'version',
  ],
  cli: [
    'main',
    'transports',
    'control',
    'services',
    'ports',
    'store',
    'platform',
    'config',
    'domain',
    'errors',
    'version',
  ],
};

/** Packages of the workspace that each package may import. */
const MAY_IMPORT_PACKAGE: Readonly<Record<string, readonly string[]>> = {
  dhcp: [],
  kea: [],
  omapi: [],
  server: ['@lessor/dhcp', '@lessor/kea', '@lessor/omapi', 'koffi'],
};

/** Names of time and chance, and the layers that may use them: everyone else takes Clock and Random. */
const FORBIDDEN_NAMES = new Set(['Date', 'setTimeout', 'setInterval', 'setImmediate', 'performance']);
const FORBIDDEN_MEMBERS = new Set(['Math.random', 'process.hrtime', 'process.nextTick']);
const MAY_NAME_TIME = new Set(['platform', 'cli', 'main']);
/** The one file of a client library that may: whoever uses the library alone hands in nothing. */
const TIME_OF_LIBRARIES = new Set(['kea/timers.ts', 'omapi/timers.ts']);

interface SourceFile {
  readonly package: string;
  /** Path below src. */
  readonly path: string;
  readonly source: ts.SourceFile;
}

function readSources(): SourceFile[] {
  return Object.keys(MAY_IMPORT_PACKAGE).flatMap((name) => {
    const folder = repoPath('packages', name, 'src');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.ts'))
      .map((path) => {
        const text = readFileSync(join(folder, path), 'utf8');
        return { package: name, path, source: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
      });
  });
}

/** The row of MAY_IMPORT a file of the server belongs to. */
function layerOf(path: string): string {
  if (path === join('services', 'ports.ts')) return 'ports';
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '');
}

/** Every module specifier of a file: imports, re-exports, dynamic imports, types by import(). */
function specifiers(source: ts.SourceFile): { readonly text: string; readonly line: number }[] {
  const found: { text: string; line: number }[] = [];
  const add = (node: ts.Node): void => {
    if (ts.isStringLiteral(node)) {
      found.push({ text: node.text, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
    }
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
      add(node.moduleSpecifier);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]!);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const sources = readSources();

describe('layers', () => {
  it('every folder of the server has a row in the table', () => {
    const layers = new Set(sources.filter((file) => file.package === 'server').map((file) => layerOf(file.path)));
    assert.deepEqual(
      [...layers].filter((layer) => MAY_IMPORT[layer] === undefined),
      [],
    );
  });

  it('no import is drawn backwards', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const { text, line } of specifiers(file.source)) {
        const where = `packages/${file.package}/src/${file.path}:${line} imports ${text}`;
        if (text.startsWith('.')) {
          const target = normalize(join(dirname(file.path), text)).replace(/\.js$/, '.ts');
          if (target.startsWith('..')) wrong.push(`${where}, outside its package`);
          else if (file.package === 'server') {
            const [from, to] = [layerOf(file.path), layerOf(target)];
            if (from !== to && !MAY_IMPORT[from]?.includes(to)) wrong.push(`${where}: ${from} may not import ${to}`);
          }
        } else if (!text.startsWith('node:') && !MAY_IMPORT_PACKAGE[file.package]!.includes(text)) {
          wrong.push(`${where}: not a package of the table`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
});

describe('time and chance', () => {
  it('are named only in platform/, cli/ and main.ts', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      if (file.package === 'server' && MAY_NAME_TIME.has(layerOf(file.path))) continue;
      if (TIME_OF_LIBRARIES.has(`${file.package}/${file.path}`)) continue;
      const visit = (node: ts.Node): void => {
        const line = (): number => file.source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
        const where = (name: string): string => `packages/${file.package}/src/${file.path}:${line()} names ${name}`;
        if (ts.isIdentifier(node) && FORBIDDEN_NAMES.has(node.text) && !isMemberName(node))
          wrong.push(where(node.text));
        if (ts.isPropertyAccessExpression(node)) {
          const name = node.getText();
          if (FORBIDDEN_MEMBERS.has(name)) wrong.push(where(name));
        }
        if (ts.isImportDeclaration(node) && /^node:(timers|perf_hooks)/.test(node.moduleSpecifier.getText().slice(1))) {
          wrong.push(where(node.moduleSpecifier.getText()));
        }
        ts.forEachChild(node, visit);
      };
      visit(file.source);
    }
    assert.deepEqual(wrong, []);
  });
});

/** True for `x.Date` and `{ Date: ... }`: a name of something else. */
function isMemberName(node: ts.Identifier): boolean {
  const parent = node.parent;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node && parent.expression.getText() !== 'globalThis') ||
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    (ts.isPropertySignature(parent) && parent.name === node)
  );
}

describe('the type any', () => {
  it('is nowhere', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const visit = (node: ts.Node): void => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          const { line } = file.source.getLineAndCharacterOfPosition(node.getStart());
          wrong.push(`packages/${file.package}/src/${file.path}:${line + 1}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(file.source);
    }
    assert.deepEqual(wrong, []);
  });
});

it('the table of layers has no cycle', () => {
  const reach = (layer: string, seen: readonly string[] = []): void => {
    assert.ok(!seen.includes(layer), `cycle: ${[...seen, layer].join(' -> ')}`);
    for (const next of MAY_IMPORT[layer] ?? []) reach(next, [...seen, layer]);
  };
  for (const layer of Object.keys(MAY_IMPORT)) reach(layer);
});
