import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ELSEWHERE = new Set(['node_modules', '.git', 'dist', 'coverage']);

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ELSEWHERE.has(entry.name) ? [] : pagesIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** The text without its code, in which brackets are no links. */
const prose = (text: string): string =>
  text
    .replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replaceAll(/^ {4}.*$/gm, '')
    .replaceAll(/`[^`\n]*`/g, '');

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

interface Link {
  readonly page: string;
  readonly path: string;
  readonly anchor: string | undefined;
}

const linksOf = (page: string): Link[] =>
  [...prose(readFileSync(page, 'utf8')).matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return { page, path: path === '' ? page : resolve(dirname(page), path), anchor };
    });

const pages = pagesIn(root);
const links = pages.flatMap(linksOf);
const named = ({ page, path, anchor }: Link): string =>
  `${relative(root, page)} links to ${relative(root, path)}${anchor === undefined ? '' : `#${anchor}`}`;

describe('links of the documentation', () => {
  it('are found at all', () => {
    expect(pages.map((page) => relative(root, page))).toEqual(
      expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/concepts.md', 'deploy/iam/README.md']),
    );
    expect(links.length).toBeGreaterThan(8);
  });

  it('lead to files that are there', () => {
    expect(links.filter(({ path }) => !existsSync(path)).map(named)).toEqual([]);
  });

  it('lead to headings that are there', () => {
    const broken = links.filter(
      ({ path, anchor }) =>
        anchor !== undefined && existsSync(path) && !anchorsOf(readFileSync(path, 'utf8')).has(anchor),
    );
    expect(broken.map(named)).toEqual([]);
  });
});
