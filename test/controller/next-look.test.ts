import { describe, expect, it } from 'vitest';
import { nextDue, nextLook } from '../../src/controller/next-look.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { EU, NOW, OWNER, World } from '../policy/world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const QUIET: Plan = { actions: [], waits: [], blocked: [], needs: [], released: false };

/** A target with a copy whose snapshots, of one age each, are this far. */
function copying(...parts: readonly { readonly ageMs: number; readonly progress: number }[]): World {
  const world = new World();
  world.source(1);
  const id = world.copy(1, EU, { state: 'pending' });
  const { snapshots } = world.place(EU);
  const made = [...snapshots.values()].find(({ description }) => description.includes(id));
  snapshots.clear();
  for (const [index, { ageMs, progress }] of parts.entries()) {
    const each = { ...made!, id: `snap-${index}`, progress, startedAt: NOW - ageMs };
    snapshots.set(each.id, each);
  }
  return world;
}

const look = (world: World, plan = QUIET) => nextLook(plan, world.views().values(), OWNER, NOW);

describe('a copy that is under way', () => {
  it.each([
    ['has just begun', [], 3 * SECOND],
    ['of a minute, of which nothing is known', [{ ageMs: MINUTE, progress: 0 }], 3 * SECOND],
    ['of ten minutes, of which nothing is known', [{ ageMs: 10 * MINUTE, progress: 0 }], 30 * SECOND],
    ['of a day', [{ ageMs: 1440 * MINUTE, progress: 0 }], MINUTE],
    ['that is nearly done', [{ ageMs: 10 * MINUTE, progress: 98 }], 12.2 * SECOND],
    ['that is done but for being shown', [{ ageMs: 10 * MINUTE, progress: 100 }], 3 * SECOND],
    [
      'one of whose snapshots has a long way to go',
      [
        { ageMs: 10 * MINUTE, progress: 99 },
        { ageMs: 10 * MINUTE, progress: 10 },
      ],
      30 * SECOND,
    ],
  ])('%s is looked at in time', (_, parts, ms) => {
    expect((look(copying(...parts)) ?? 0) / SECOND).toBeCloseTo(ms / SECOND, 0);
  });

  it('of another policy is no reason to look', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { state: 'pending', owner: { ...OWNER, uid: 'uid-2' } });
    expect(look(world)).toBeUndefined();
  });
});

describe('a plan', () => {
  const wait = { part: 'replication', subject: 'web-1', target: EU, message: 'it waits' } as const;
  const world = (): World => {
    const still = new World();
    still.source(1);
    return still;
  };

  it('in which nothing waits is looked at with the next resync', () => {
    expect(look(world())).toBeUndefined();
  });

  it('that waits until a moment is looked at then, and not more often than every second', () => {
    expect(look(world(), { ...QUIET, waits: [{ ...wait, until: NOW + MINUTE }] })).toBe(MINUTE);
    expect(look(world(), { ...QUIET, waits: [{ ...wait, until: NOW - MINUTE }] })).toBe(SECOND);
  });

  it('that waits for what must settle is looked at soon; after a failure, only when something is due', () => {
    const settling = { ...QUIET, waits: [wait] };
    expect(look(world(), settling)).toBe(3 * SECOND);
    expect(nextDue(settling, world().views().values(), OWNER, NOW)).toBeUndefined();
    const due = { ...QUIET, waits: [wait, { ...wait, until: NOW + MINUTE }] };
    expect(nextDue(due, world().views().values(), OWNER, NOW)).toBe(MINUTE);
  });
});
