import { InvalidArgumentError } from 'commander';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../src/cli/duration.ts';
import { table } from '../../src/cli/table.ts';

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['1m500ms', 60_500],
  ])('%s is %d milliseconds', (text, ms) => {
    expect(duration(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5 m', '-5m', '1.5h', '0s', '5mm', 'soon', '5m!'])('cannot be %j', (text) => {
    expect(() => duration(text)).toThrow(InvalidArgumentError);
  });
});

describe('a table', () => {
  it('has columns as wide as their widest cell, and nothing at the ends of lines', () => {
    expect(
      table(
        ['action', 'why'],
        [
          ['CopyImage', 'missing'],
          ['Tag', ''],
        ],
      ),
    ).toBe('ACTION     WHY\nCopyImage  missing\nTag');
  });

  it('is wrapped at words in its last column where the terminal ends', () => {
    const text = table(
      ['action', 'why'],
      [
        ['CopyImage', 'wanted here and missing, because it is'],
        ['Tag', 'x'],
      ],
      36,
    );
    expect(text.split('\n')).toEqual([
      'ACTION     WHY',
      'CopyImage  wanted here and missing,',
      '           because it is',
      'Tag        x',
    ]);
    // With too little room for that, lines are left to wrap where the terminal ends.
    expect(table(['action', 'why'], [['CopyImage', 'wanted here and missing']], 20)).toContain(
      'wanted here and missing',
    );
  });

  it('keeps every cell of every row, on a line of its own', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', '-', '/', '('), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 10 }), (rows) => {
        const lines = table(['a', 'b', 'c'], rows).split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        for (const [index, row] of rows.entries()) {
          let at = 0;
          for (const each of row) {
            const found = lines[index + 1]?.indexOf(each, at) ?? -1;
            expect(found).toBeGreaterThanOrEqual(at);
            at = found + each.length;
          }
        }
      }),
    );
  });
});
