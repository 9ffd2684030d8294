/**
 * What the rules about the source tree look at: every file under src/ with its imports, the globals and words it uses, and
 * where. Read from TypeScript's syntax tree, so that comments and strings do not count.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface Import {
  /** As written, e.g. './frame.ts'. */
  readonly specifier: string;
  /** Path under src/ when relative, e.g. 'core/frame.ts'; else undefined. */
  readonly target: string | undefined;
  /** Whether it vanishes when compiled. */
  readonly typeOnly: boolean;
  /** Whether it is `export ... from`. */
  readonly reExport: boolean;
  readonly line: number;
}

/** A word of interest and the line it stands in. */
export interface Use {
  readonly word: string;
  readonly line: number;
}

export interface Source {
  /** Path under src/ with forward slashes, e.g. 'tcp/sender.ts'. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Identifiers that are no property names, declarations' own names included; and `async`, `await`, `any`, `default`. */
  readonly uses: readonly Use[];
  /** Comparisons with < > <= >=: the last names of both sides, e.g. 'sndUna < segAck'. */
  readonly comparisons: readonly { readonly names: readonly string[]; readonly text: string; readonly line: number }[];
  /** Whether it declares anything, as opposed to only passing on what others declare. */
  readonly declares: boolean;
}

/** Paths of all files under `folder` of the project that end in `suffix`, relative to it, sorted. */
export function filesUnder(folder: string, suffix: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(join(ROOT, folder), join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

export function readSources(): Source[] {
  return filesUnder('src', '.ts').map((path) => analyse(path, readFileSync(join(ROOT, 'src', path), 'utf8')));
}

/** Exported for the rules' own tests: they feed it a breach and see that it is found. */
export function analyse(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
  const imports: Import[] = [];
  const uses: Use[] = [];
  const comparisons: { names: readonly string[]; text: string; line: number }[] = [];

  const visit = (node: ts.Node): void => {
    const found = importOf(path, node, lineOf(node));
    if (found !== undefined) imports.push(found);
    const word = wordOf(node);
    if (word !== undefined) uses.push({ word, line: lineOf(node) });
    if (ts.isBinaryExpression(node) && COMPARISONS.has(node.operatorToken.kind)) {
      const names = [lastName(node.left), lastName(node.right)];
      comparisons.push({ names, text: node.getText(tree), line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);

  const declares = tree.statements.some(
    (statement) => !ts.isExportDeclaration(statement) && !ts.isImportDeclaration(statement),
  );
  return { path, text, lines: text.replace(/\n$/, '').split('\n').length, imports, uses, comparisons, declares };
}

const COMPARISONS = new Set<ts.SyntaxKind>([
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
]);

function importOf(path: string, node: ts.Node, line: number): Import | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return undefined;
    const reExport = ts.isExportDeclaration(node);
    const typeOnly = reExport ? node.isTypeOnly : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return resolve(path, node.moduleSpecifier.text, typeOnly, reExport, line);
  }
  // import('x'), and import('x').Y in a type.
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const argument = node.arguments[0];
    const specifier = argument !== undefined && ts.isStringLiteral(argument) ? argument.text : '(computed)';
    return resolve(path, specifier, false, false, line);
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return resolve(path, node.argument.literal.text, true, false, line);
  }
  return undefined;
}

function resolve(path: string, specifier: string, typeOnly: boolean, reExport: boolean, line: number): Import {
  const target = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined;
  return { specifier, target, typeOnly, reExport, line };
}

function wordOf(node: ts.Node): string | undefined {
  switch (node.kind) {
    case ts.SyntaxKind.AsyncKeyword:
      return 'async';
    case ts.SyntaxKind.AwaitExpression:
      return 'await';
    case ts.SyntaxKind.AnyKeyword:
      return 'any';
    case ts.SyntaxKind.DefaultKeyword:
      return ts.isDefaultClause(node.parent) ? undefined : 'default';
    case ts.SyntaxKind.ExportAssignment:
      return 'default';
    case ts.SyntaxKind.PropertyAccessExpression: {
      // Math.random, globalThis.performance
      const { expression, name } = node as ts.PropertyAccessExpression;
      if (!ts.isIdentifier(expression)) return undefined;
      if (expression.text === 'globalThis') return name.text;
      return `${expression.text}.${name.text}`;
    }
    case ts.SyntaxKind.Identifier:
      return isOwnName(node as ts.Identifier) ? undefined : (node as ts.Identifier).text;
    default:
      return undefined;
  }
}

/** Names after a dot and names of members, which are nobody's globals. */
function isOwnName(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent) || ts.isImportSpecifier(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isGetAccessorDeclaration(parent)) &&
    parent.name === node
  );
}

function lastName(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node)) return lastName(node.expression);
  return '';
}

/** Every cycle of imports among the files, each as a list of paths that starts and ends with the same one. */
export function findCycles(sources: readonly Source[], count: (found: Import) => boolean): string[][] {
  const edges = new Map(
    sources.map((source) => [source.path, source.imports.filter(count).flatMap((found) => found.target ?? [])]),
  );
  const cycles: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      cycles.push([...trail.slice(at), path]);
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const source of sources) walk(source.path, []);
  return cycles;
}
