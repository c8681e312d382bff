import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../src/aws/priority.ts';
import { Turns } from '../../src/aws/turns.ts';

const MINUTE = 60_000;

/** Flows that come once a second and ask for all that they still want, and what each has got. */
function crowd() {
  const turns = new Turns();
  const wanted = new Map<string, number>();
  const got = new Map<string, number>();
  const priorities = new Map<string, Priority>();
  let tokens = 0;
  let now = 0;
  const ask = (flow: string): number => {
    const given = turns.take(
      { flow, priority: priorities.get(flow) ?? 'normal', wanted: wanted.get(flow) ?? 0 },
      tokens,
      1,
      now,
    ).count;
    tokens -= given;
    got.set(flow, (got.get(flow) ?? 0) + given);
    wanted.set(flow, (wanted.get(flow) ?? 0) - given);
    turns.expect(flow, now + 1000);
    return given;
  };
  return {
    turns,
    got: (flow: string) => got.get(flow) ?? 0,
    left: (flow: string) => wanted.get(flow) ?? 0,
    want: (flow: string, count: number, priority: Priority = 'normal') => {
      wanted.set(flow, (wanted.get(flow) ?? 0) + count);
      priorities.set(flow, priority);
    },
    ask,
    /** A second passes, and so many tokens come. */
    second: (come: number) => {
      now += 1000;
      tokens += come;
    },
    tokens: () => tokens,
  };
}

describe('turns', () => {
  it('whoever comes first, flows that wait together get as much as each other, within one', () => {
    const flows = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
    const seconds = fc.array(fc.record({ come: fc.integer({ min: 0, max: 7 }), first: fc.nat({ max: 5 }) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(flows, seconds, (wants, course) => {
        const { got, left, want, ask, second, tokens } = crowd();
        const names = wants.map((_, index) => `flow-${index}`);
        wants.forEach((count, index) => {
          want(names[index]!, count);
          // Nothing is there yet: they are only put down.
          ask(names[index]!);
        });
        let come = 0;
        for (const step of course) {
          second(step.come);
          come += step.come;
          const from = step.first % names.length;
          for (const name of [...names.slice(from), ...names.slice(0, from)]) ask(name);
          const waiting = names.filter((name) => left(name) > 0);
          // Nobody has got more than one that still waits, but for the one token of the round.
          const least = Math.min(...waiting.map(got));
          expect(names.filter((name) => got(name) > least + 1)).toEqual([]);
          expect(waiting.length > 0 && tokens() > 0).toBe(false);
          const given = names.reduce((sum, name) => sum + got(name), 0);
          expect(given).toBe(
            Math.min(
              come,
              wants.reduce((sum, count) => sum + count, 0),
            ),
          );
        }
      }),
    );
  });

  it('one that wants one gets it in the next round, however much another wants', () => {
    const { got, want, ask, second } = crowd();
    want('many', 500);
    ask('many');
    for (let i = 0; i < 10; i++) {
      second(1);
      ask('many');
    }
    want('one', 1);
    ask('one');
    for (let i = 0; i < 2; i++) {
      second(1);
      ask('many');
      ask('one');
    }
    expect(got('one')).toBe(1);
    expect(got('many')).toBe(11);
  });

  it('one that goes and comes back gets no more by that', () => {
    const { got, want, ask, second } = crowd();
    want('steady', 100);
    ask('steady');
    for (let i = 0; i < 40; i++) {
      want('hasty', 1);
      ask('hasty');
      second(1);
      ask('hasty');
      ask('steady');
    }
    expect(got('steady')).toBeGreaterThanOrEqual(19);
  });

  it('what is kept for one that does not come back goes to the others after a while', () => {
    const { got, want, ask, second } = crowd();
    want('lost', 5);
    ask('lost');
    want('here', 5);
    ask('here');
    second(1);
    ask('here');
    expect(got('here')).toBe(0);
    for (let i = 0; i < 40; i++) second(0);
    ask('here');
    expect(got('here')).toBe(1);
  });

  it('a higher priority comes first, and stays high until it has what it asked for', () => {
    const { got, want, ask, second } = crowd();
    want('resync', 9);
    ask('resync');
    want('edit', 3, 'user');
    ask('edit');
    want('edit', 0, 'normal');
    for (let i = 0; i < 3; i++) {
      second(1);
      ask('resync');
      ask('edit');
    }
    expect(got('edit')).toBe(3);
    expect(got('resync')).toBe(0);
  });

  it('no priority starves another: each that waits gets something every two minutes', () => {
    const { got, want, ask, second } = crowd();
    want('sweep', 9, 'sweep');
    want('resync', 9);
    ask('sweep');
    ask('resync');
    for (let i = 0; i < (2 * MINUTE) / 1000 + 2; i++) {
      want('edit', 3, 'user');
      ask('edit');
      second(1);
      for (const flow of ['edit', 'resync', 'sweep']) ask(flow);
    }
    expect(got('resync')).toBeGreaterThanOrEqual(1);
    expect(got('sweep')).toBeGreaterThanOrEqual(1);
    expect(got('edit')).toBeGreaterThan(100);
  });

  it('tells how many tokens must come before it is one’s turn', () => {
    const turns = new Turns();
    const ask = (flow: string, wanted: number) => turns.take({ flow, priority: 'normal', wanted }, 0, 4, 0).ahead;
    expect(ask('a', 10)).toBe(4);
    expect(ask('b', 1)).toBe(2);
    expect(ask('c', 10)).toBe(9);
    expect(turns.take({ flow: 'a', priority: 'normal', wanted: 0 }, 0, 4, 0)).toEqual({ count: 0, ahead: 0 });
    expect(ask('c', 10)).toBe(5);
    expect(turns.waiting).toBe(11);
  });
});
