import { expect, it } from 'vitest';
import { type DelayedLane, withDelays } from '../../src/policy/delay.ts';
import { action, copyOf } from '../aws/actions.ts';
import { EU, NOW, OWNER, spec, World } from './world.ts';

const PLAN = new World().plan(spec());
const lane = (delay: DelayedLane['delay'], actions = [copyOf('ami-1'), copyOf('ami-2')]): DelayedLane => ({
  target: EU,
  action: 'CopyImage',
  actions,
  delay,
});
const told = (...lanes: DelayedLane[]) => withDelays(PLAN, lanes, { now: NOW, deleting: false });

it('a plan in which nothing has to wait stays as it is', () => {
  expect(told()).toBe(PLAN);
});

it.each([
  [{ because: 'rate', afterMs: 5000, perSecond: 0.8 }, /their turn: 0\.8 CopyImage calls a second/],
  [{ because: 'ceiling', afterMs: 5000 }, /as many as EC2 allows at a time/],
] as const)('what waits because of $because says how many, where and why, and when to look again', (delay, why) => {
  const { waits, blocked } = told(lane(delay));
  expect(blocked).toEqual(PLAN.blocked);
  expect(waits.at(-1)).toEqual({
    part: 'replication',
    subject: '2 copies',
    target: EU,
    message: expect.stringMatching(why),
    until: NOW + 5000,
  });
});

it('what AWS refuses at present is a problem of its target as well', () => {
  const { waits, blocked } = told(lane({ because: 'refused', afterMs: 9000 }, [copyOf('ami-1')]));
  expect(blocked.at(-1)).toMatchObject({
    part: 'replication',
    code: 'RequestLimitExceeded',
    subject: 'web-1',
    target: EU,
    effect: 'retries',
  });
  expect(waits.at(-1)).toMatchObject({ until: NOW + 9000 });
});

it('a wait speaks of the condition that its actions are about', () => {
  const share = action({ do: 'tag', resources: [OWNER.uid], tags: {} }, { kind: 'Share' });
  const { waits } = told({ ...lane({ because: 'rate', afterMs: 1, perSecond: 4 }, []), actions: [share, share] });
  expect(waits.at(-1)).toMatchObject({ part: 'sharing', subject: '2 actions' });
});
