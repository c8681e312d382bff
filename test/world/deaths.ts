import { describe, expect, it } from 'vitest';
import { runWorkload } from './kill-workload.ts';
import type { Death } from './lifeline.ts';

/** Kills a controller at every change that the workload makes, each in a run of its own. */
export async function describeDeaths(when: Death['when']): Promise<void> {
  const reference = await runWorkload();

  describe(`a controller that is killed ${when === 'before' ? 'before a change arrives' : 'after a change, before it hears of it'}`, () => {
    it('has a workload that ends well when it is not killed', () => {
      expect(reference.violations).toEqual([]);
      expect(JSON.stringify(reference.end)).not.toContain('nothing, in');
      expect(reference.changes.filter((name) => name.startsWith('aws ')).length).toBeGreaterThan(25);
    });

    it.each(reference.changes.map((name, index) => [index + 1, name] as const))(
      'change %i, %s: ends in the same state, with no second copy and no leftover snapshot',
      async (at) => {
        const outcome = await runWorkload({ at, when });
        expect(outcome.violations).toEqual([]);
        expect(outcome.end).toEqual(reference.end);
        expect(outcome.status).toEqual(reference.status);
        expect(outcome.made).toBe(reference.made);
      },
    );
  });
}
