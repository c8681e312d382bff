import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterOf } from '../../../src/simulator/ec2/filters.ts';
import { Query } from '../../../src/simulator/ec2/query.ts';

const matches = (pattern: string, name: string): boolean => {
  const query = new Query(
    new Map([
      ['Filter.1.Name', 'name'],
      ['Filter.1.Value.1', pattern],
    ]),
  );
  return filterOf<{ readonly name: string; readonly tags: Readonly<Record<string, string>> }>(query, {
    name: (item) => [item.name],
  })({ name, tags: {} });
};

/** The rules as they are written, tried one character at a time. */
function naive(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '*') return naive(rest, text) || (text.length > 0 && naive(pattern, text.slice(1)));
  if (first === '?') return naive(rest, text) || (text.length > 0 && naive(rest, text.slice(1)));
  const [literal = '\\', after] = first === '\\' ? [rest[0], rest.slice(1)] : [first, rest];
  return text[0] === literal && naive(after ?? [], text.slice(1));
}

describe('a filter value', () => {
  it('matches as its wildcards say, whatever else is in it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?', '\\', '[', '\n'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        expect(matches(pattern, name)).toBe(naive(pattern.split(''), name.split('')));
      }),
      { numRuns: 2000 },
    );
  });

  it('that is escaped matches just itself', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, other) => {
        const escaped = name.replaceAll(/[*?\\]/g, String.raw`\$&`);
        expect(matches(escaped, name)).toBe(true);
        expect(matches(escaped, other)).toBe(name === other);
      }),
    );
  });
});
