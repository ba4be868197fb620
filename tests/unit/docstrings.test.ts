/** Documentation as a test: every export says what it is, every error code is raised and explained. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ERRORS } from 'lessor/internal/errors.js';
import ts from 'typescript';
import { repoPath } from '../lib/repo.js';

const PACKAGES = readdirSync(repoPath('packages')).filter((name) =>
  existsSync(repoPath('packages', name, 'package.json')),
);

interface SourceFile {
  readonly name: string;
  readonly text: string;
  readonly source: ts.SourceFile;
}

const sources: SourceFile[] = PACKAGES.flatMap((name) =>
  readdirSync(repoPath('packages', name, 'src'), { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(repoPath('packages', name, 'src', path), 'utf8');
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
      return { name: join('packages', name, 'src', path), text, source };
    }),
);

function hasDoc(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).length > 0;
}

function isExported(node: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** Names a statement declares, for the message. */
function declaredName(node: ts.Statement): string {
  if (ts.isVariableStatement(node))
    return node.declarationList.declarations.map(({ name }) => name.getText()).join(', ');
  const { name } = node as unknown as { name?: ts.Node };
  return name?.getText() ?? node.getText().slice(0, 30);
}

/** A const and a type of one name (an enumeration's two halves) may share the comment of the first. */
function undocumented({ source }: SourceFile): ts.Statement[] {
  const documented = new Set(source.statements.filter((node) => isExported(node) && hasDoc(node)).map(declaredName));
  return source.statements.filter(
    (node) => isExported(node) && !ts.isExportDeclaration(node) && !hasDoc(node) && !documented.has(declaredName(node)),
  );
}

describe('doc comments', () => {
  it('every file opens with its purpose', () => {
    const without = sources.filter(({ text }) => !/^(#!.*\n)?\s*\/\*\*/.test(text)).map(({ name }) => name);
    assert.deepEqual(without, []);
  });

  it('every export has one', () => {
    const without = sources.flatMap((file) => undocumented(file).map((node) => `${file.name}: ${declaredName(node)}`));
    assert.deepEqual(without, []);
  });
});

describe('the error table', () => {
  const raised = sources
    .filter(({ name }) => !name.endsWith('/errors.ts'))
    .map(({ text }) => text)
    .join('\n');

  for (const [code, row] of Object.entries(ERRORS)) {
    it(`${code} is raised somewhere, and says what it means and what to do`, () => {
      assert.ok(raised.includes(`'${code}'`) || code === 'invariant', `no code raises '${code}'`);
      assert.match(row.meaning, /^[A-Z].*\.$/);
      assert.match(row.remedy, /^[A-Z].*\.$/);
    });
  }
});
