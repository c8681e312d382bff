import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awsActionOf } from '../../src/policy/aws-action.ts';
import { targetKey } from '../../src/policy/model.ts';
import type { Action } from '../../src/policy/plan.ts';
import { type Lane, schedule } from '../../src/policy/schedule.ts';
import { AWAY, AWAY_EU, EU, SOURCE, spec, World } from './world.ts';

/** Room for so many actions in each lane, by its name; where nothing is said, for all. */
const roomFor =
  (rooms: Readonly<Record<string, number>>) =>
  ({ target, action, actions }: Lane): number =>
    rooms[`${action} ${targetKey(target)}`] ?? rooms[action] ?? actions.length;

const ids = (actions: readonly Action[]) => actions.map(({ id }) => id);

/** Versions that go into two accounts: those of the other one need a claim, a mark and grants first. */
function versions(count: number): readonly Action[] {
  const world = new World(AWAY_EU);
  for (let number = 1; number <= count; number++) world.source(number);
  return world.plan(spec({ source: { newest: count }, accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }))
    .actions;
}

describe('a schedule', () => {
  it('is the whole plan where there is room for it', () => {
    const actions = versions(3);
    expect(schedule(actions, roomFor({}))).toEqual({ now: actions, later: [] });
  });

  it('begins the copies of a target in the order of the plan, oldest first, and as many as there is room for', () => {
    const actions = versions(3);
    const { now, later } = schedule(actions, roomFor({ [`CopyImage ${targetKey(EU)}`]: 2 }));
    const copies = actions.filter(({ kind, target }) => kind === 'CopyImage' && target.account === EU.account);
    expect(copies).toHaveLength(3);
    expect(ids(now)).toEqual(ids(actions).filter((id) => id !== copies[2]?.id));
    expect(later).toEqual([{ target: EU, action: 'CopyImage', actions: [copies[2]] }]);
  });

  it('prepares a copy whose turn comes soon, and lends nothing for one that has to wait for long', () => {
    const { now } = schedule(versions(40), roomFor({ [`CopyImage ${targetKey(AWAY_EU)}`]: 3 }));
    const away = now.filter(({ kind, target }) => kind === 'CopyImage' && target.account === AWAY);
    expect(away).toHaveLength(3);
    for (const [kind, each] of [
      ['ClaimSource', 1],
      ['MarkTemporaryGrant', 1],
      ['GrantTemporarily', 2],
    ] as const)
      expect(now.filter((action) => action.kind === kind)).toHaveLength((3 + 32) * each);
  });

  it('lets a copy wait whose grants wait', () => {
    const { now, later } = schedule(versions(3), roomFor({ ModifyImageAttribute: 1 }));
    expect(now.filter(({ kind, target }) => kind === 'CopyImage' && target.account === AWAY)).toHaveLength(1);
    expect(later.map(({ target, action, actions }) => [targetKey(target), action, actions.length])).toEqual([
      [targetKey(SOURCE), 'ModifyImageAttribute', 2],
    ]);
  });

  it('never does anything before what it needs or follows, and never more in a lane than there is room for', () => {
    const actions = versions(3);
    const lanes = ['CopyImage', 'CreateTags', 'ModifyImageAttribute', 'ModifySnapshotAttribute'];
    const rooms = fc.record(Object.fromEntries(lanes.map((lane) => [lane, fc.nat({ max: 6 })])));
    fc.assert(
      fc.property(rooms, (given) => {
        const asked = new Set<string>();
        const { now, later } = schedule(actions, (lane) => {
          const name = `${lane.action} ${targetKey(lane.target)}`;
          expect(asked.has(name)).toBe(false);
          asked.add(name);
          return roomFor(given)(lane);
        });
        const goes = new Set(ids(now));
        for (const { needs, follows } of now) for (const id of [...needs, ...follows]) expect(goes).toContain(id);
        for (const [key, some] of Map.groupBy(now, ({ target, call }) => `${awsActionOf(call)} ${targetKey(target)}`))
          expect(some.length).toBeLessThanOrEqual(given[key.split(' ')[0] ?? ''] ?? 0);
        // What waits says so in its lane, or waits for something that does.
        expect(now.length === actions.length).toBe(later.length === 0);
      }),
    );
  });
});
