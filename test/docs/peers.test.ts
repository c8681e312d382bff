import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const COMPLAINTS = 38;

interface Row {
  readonly number: number;
  readonly complaint: string;
  readonly answer: string;
  /** The file of its test, or why there is none. */
  readonly test: string;
}

const rows: Row[] = readFileSync(root('docs/peers.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [, number = '', complaint = '', answer = '', test = ''] = line.split('|').map((cell) => cell.trim());
    return { number: Number(number), complaint, answer, test };
  });

/** The files in which a test is named after each complaint, by its number. */
const named = new Map<number, Set<string>>();
for (const name of readdirSync(root('test'), { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.test.ts')) continue;
  const text = readFileSync(root(`test/${name}`), 'utf8');
  for (const [, numbers = ''] of text.matchAll(/['"`]peer complaints? ([\d, and]+):/g)) {
    for (const [number] of numbers.matchAll(/\d+/g))
      named.set(Number(number), (named.get(Number(number)) ?? new Set()).add(`test/${name}`));
  }
}

describe('docs/peers.md', () => {
  it('has every complaint once, in order, with an answer', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: COMPLAINTS }, (_, index) => index + 1));
    for (const { complaint, answer, test } of rows) {
      expect(complaint).not.toBe('');
      expect(answer).not.toBe('');
      expect(test).not.toBe('');
    }
  });

  it.each(rows.filter(({ test }) => test.startsWith('`test/')))(
    'no. $number: the test that is named has it in its name',
    ({ number, test }) => {
      expect([...(named.get(number) ?? [])]).toContain(test.replaceAll('`', ''));
    },
  );

  it('no test is named after a complaint that is not there', () => {
    expect([...named.keys()].filter((number) => !rows.some((row) => row.number === number))).toEqual([]);
  });
});
