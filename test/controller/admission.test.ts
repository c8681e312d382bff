import { expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { RateBudget } from '../../src/aws/rate-budget.ts';
import { admit } from '../../src/controller/admission.ts';
import type { Image } from '../../src/policy/model.ts';
import { EU, OWNER, spec, World } from '../policy/world.ts';

const COUNT = 20;

/** Copies of so many versions into one target, and what is being made there by us and by others. */
function asking(running: { readonly ours: number; readonly others: number }, share: number) {
  const world = new World();
  for (let number = 1; number <= COUNT; number++) world.source(number);
  const { actions } = world.plan(spec({ source: { newest: COUNT } }));
  const template = world.image(EU, world.copy(1, EU, { state: 'pending' }))!;
  const pending = Array.from(
    { length: running.ours + running.others },
    (_, index): Image => ({ ...template, id: `ami-${index}`, tags: { mine: String(index < running.ours) } }),
  );
  const budget = new RateBudget(new VirtualClock(0), share);
  return {
    budget,
    admitted: admit(budget, actions, {
      flow: OWNER.uid,
      priority: 'normal',
      copiesInFlight: 10,
      pending: () => pending,
      isOurs: ({ tags }) => tags['mine'] === 'true',
    }),
  };
}

it.each([
  ['begins as many as its part of the quota allows', { ours: 0, others: 0 }, 0.5, 5],
  ['counts what it has begun before, for whatever policy', { ours: 3, others: 0 }, 0.5, 2],
  ['leaves what others have begun to them', { ours: 0, others: 5 }, 0.5, 5],
  ['and never exceeds the whole quota together with them', { ours: 1, others: 7 }, 0.5, 2],
  ['waits where others have used up all of it', { ours: 0, others: 12 }, 0.5, 0],
  ['can always have one', { ours: 0, others: 0 }, 0.05, 1],
] as const)('a controller %s', (_, running, share, count) => {
  const { admitted } = asking(running, share);
  expect(admitted.actions.filter(({ kind }) => kind === 'CopyImage')).toHaveLength(count);
  expect(admitted.delayed).toMatchObject([{ target: EU, action: 'CopyImage', delay: { because: 'ceiling' } }]);
});

it('what is admitted and not carried out is given back', () => {
  const { budget, admitted } = asking({ ours: 0, others: 0 }, 1);
  expect(admitted.actions).toHaveLength(10);
  expect(admitted.permitOf(admitted.actions[0]!)?.spend()).toBe('spent');
  admitted.release();
  expect(budget.read().find(({ action }) => action === 'CopyImage')?.tokens).toBe(99);
});
