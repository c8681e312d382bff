import { describe, expect, it } from 'vitest';
import type { AccountStatus } from '../../src/api/account-status.ts';
import { BUILDERS, policy, seedOf } from './documents.ts';
import { scrape, sum } from './metric-readings.ts';
import { begin, copiesIn } from './scene.ts';
import { DAY, HOUR, type Launched, type World } from './world.ts';

const EU = 'eu-west-1';
const ALONE = { accounts: undefined, sharing: undefined };

function statusOf(world: World): AccountStatus | undefined {
  const answer = world.kube.handle({ method: 'GET', url: `/apis/amifleet.io/v1alpha1/awsaccounts/${BUILDERS}` });
  return answer.kind === 'answer' ? (JSON.parse(answer.body) as { status?: AccountStatus }).status : undefined;
}
const deregisterCopy = (world: World): void => {
  const ImageId = copiesIn(world, BUILDERS, EU)[0]?.id ?? '';
  world.call(BUILDERS, EU, { Action: 'DeregisterImage', Version: '2016-11-15', ImageId });
};
const snapshotsIn = (world: World): string[] =>
  world.aws.world().snapshots.flatMap(({ region, id }) => (region === EU ? [id] : []));

/** A policy has left its copy behind, as Retain says. */
async function retained(seed: object = seedOf()): Promise<{ readonly world: World; readonly controller: Launched }> {
  const world = begin([policy(ALONE)], { seed });
  const controller = world.launch({ resyncMs: 4 * HOUR });
  await world.untilReady('web');
  await world.until('it was swept', () => statusOf(world)?.orphanCount === 0, 2 * HOUR);
  world.delete('web');
  await world.until('the policy is gone', () => world.policy('web') === undefined);
  return { world, controller };
}

describe('snapshots that a policy which is gone has left behind', () => {
  it('are found by the daily sweep, listed with the way out, and left alone', async () => {
    const { world, controller } = await retained();
    deregisterCopy(world);
    const left = snapshotsIn(world);
    expect(left).toHaveLength(2);
    await world.until('they are found', () => statusOf(world)?.orphanCount === 2, 2 * DAY);
    expect(sum(await scrape(controller), 'amifleet_orphans', { account: BUILDERS })).toBe(2);
    const { orphans = [] } = statusOf(world) ?? {};
    expect(orphans.map(({ id }) => id)).toEqual(left.toSorted());
    expect(orphans[0]).toMatchObject({
      region: EU,
      policy: 'platform/web',
      message: expect.stringMatching(/is gone, and so is policy platform\/web\. Delete it yourself/),
    });
    expect(snapshotsIn(world)).toEqual(left);
    const before = JSON.stringify(statusOf(world));
    await world.rest(3 * HOUR);
    expect(JSON.stringify(statusOf(world))).toBe(before);
    for (const SnapshotId of left)
      world.call(BUILDERS, EU, { Action: 'DeleteSnapshot', Version: '2016-11-15', SnapshotId });
    await world.until('they are off the list', () => statusOf(world)?.orphanCount === 0, 2 * DAY);
    expect(statusOf(world)?.orphans).toBeUndefined();
  });

  it('are none while their image is there, or can be restored', async () => {
    const { accounts, ...rest } = seedOf() as { accounts: Record<string, object> };
    const binned = { ...accounts[BUILDERS], [EU]: { recycleBin: { retentionDays: 2 } } };
    const { world } = await retained({ ...rest, accounts: { ...accounts, [BUILDERS]: binned } });
    await world.rest(1.5 * DAY);
    expect(statusOf(world)?.orphanCount).toBe(0);
    deregisterCopy(world);
    await world.rest(1.5 * DAY);
    expect(statusOf(world)?.orphanCount).toBe(0);
    await world.until('they are found', () => statusOf(world)?.orphanCount === 2, 3 * DAY);
  });
});

describe('snapshots that a policy which is there has left behind', () => {
  it('are cleaned up by it: somebody has deregistered the copy', async () => {
    const world = begin([policy(ALONE)]);
    world.launch({ resyncMs: HOUR });
    await world.untilReady('web');
    const [before = ''] = snapshotsIn(world);
    deregisterCopy(world);
    await world.until('it is copied again, and cleaned up', () => !snapshotsIn(world).includes(before), 3 * HOUR);
    await world.rest(2 * HOUR);
    expect(snapshotsIn(world)).toHaveLength(2);
    expect(statusOf(world)?.orphanCount ?? 0).toBe(0);
  });
});
