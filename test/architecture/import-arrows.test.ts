import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** What each folder may import of ours, beside itself: section 4 of the design, read as a list of what is allowed. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ambient: [],
  api: [],
  policy: ['api'],
  aws: ['ambient', 'policy'],
  kube: ['ambient', 'api'],
  server: ['ambient', 'api', 'aws', 'controller', 'kube', 'policy'],
  controller: ['ambient', 'api', 'aws', 'kube', 'policy'],
  'simulator/ec2': ['ambient'],
  'simulator/kube': ['ambient', 'api'],
  cli: ['ambient', 'api', 'aws', 'controller', 'kube', 'policy', 'server', 'simulator/ec2', 'simulator/kube'],
};

/** Decisions are pure: of Node they may use what computes and does not reach out. */
const PURE_NODE = new Set(['node:crypto', 'node:util']);

const PACKAGE = '../../package.json';

interface Import {
  readonly file: string;
  readonly from: string;
  readonly specifier: string;
}

const roomOf = (path: string): string => {
  const parts = relative(src, path).split(sep);
  return parts[0] === 'simulator' ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
};

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s*'([^']+)'/g,
  );
  return [...found].map((match) => ({ file, from: roomOf(file), specifier: match[1] ?? match[2] ?? match[3] ?? '' }));
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name));
const imports = files.flatMap(importsOf);

describe('the arrows between the folders of src', () => {
  it('knows every folder there is', () => {
    expect([...new Set(files.map(roomOf))].toSorted()).toEqual(Object.keys(ALLOWED).toSorted());
  });

  it('sees the imports that there are', () => {
    expect(imports.length).toBeGreaterThan(files.length);
  });

  it.each(Object.keys(ALLOWED))('src/%s imports only what it may', (room) => {
    const allowed = new Set([room, ...(ALLOWED[room] ?? [])]);
    const forbidden = imports
      // The one thing outside: it is data, and holds the version.
      .filter(({ from, specifier }) => from === room && specifier.startsWith('.') && specifier !== PACKAGE)
      .map(({ file, specifier }) => ({ file: relative(src, file), to: roomOf(resolve(dirname(file), specifier)) }))
      .filter(({ to }) => !allowed.has(to));
    expect(forbidden).toEqual([]);
  });

  it('src/policy and src/api do no I/O', () => {
    const reaching = imports
      .filter(
        ({ from, specifier }) =>
          (from === 'policy' || from === 'api') && specifier.startsWith('node:') && !PURE_NODE.has(specifier),
      )
      .map(({ file, specifier }) => `${relative(src, file)}: ${specifier}`);
    expect(reaching).toEqual([]);
  });

  it('only src/aws talks to the AWS SDK, and only src/kube to client-node', () => {
    const wrong = imports
      .filter(
        ({ from, specifier }) =>
          (specifier.startsWith('@aws-sdk/') && from !== 'aws' && from !== 'cli') ||
          (specifier.startsWith('@kubernetes/') && from !== 'kube'),
      )
      .map(({ file, specifier }) => `${relative(src, file)}: ${specifier}`);
    expect(wrong).toEqual([]);
  });
});
