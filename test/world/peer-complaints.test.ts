import { describe, expect, it } from 'vitest';
import { account, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, expectRest, namesIn, saying } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

// What users of other tools complain about, and no other suite has at heart. docs/peers.md has all of them.

/** The regions in which copies were begun, in order, as `account/region`. */
function copying(world: World): string[] {
  const asked: string[] = [];
  world.aws.onMutation(({ action, account: id, region }) => {
    if (action === 'CopyImage') asked.push(`${id}/${region}`);
  });
  return asked;
}

describe('a copy', () => {
  it('peer complaint 2: that fails is made again by itself, and nothing else is', async () => {
    const given = seedOf() as { accounts: Record<string, object> };
    const regions = [{ name: 'us-west-2' }, { name: 'eu-west-1', kmsKeyId: 'alias/ami' }];
    const world = begin([policy({ regions, accounts: undefined, sharing: undefined })], {
      seed: {
        ...given,
        accounts: {
          ...given.accounts,
          // EC2 takes the key and fails later: nobody may look at it, so that nobody could tell before.
          [BUILDERS]: {
            ...given.accounts[BUILDERS],
            'eu-west-1': { keys: [{ alias: 'alias/ami', hidden: true, state: 'Disabled' }] },
          },
        },
      },
    });
    const asked = copying(world);
    world.launch();
    await world.until('it has failed', () => /KeyNotAccessible|CopyFailed/.test(saying(world, 'web', 'Replicated')));
    await world.until(
      'it was tried again',
      () => asked.filter((each) => each.endsWith('eu-west-1')).length > 2,
      2 * HOUR,
    );
    expect(asked.filter((each) => each.endsWith('us-west-2'))).toHaveLength(1);
    expect(namesIn(world, BUILDERS, 'us-west-2')).toEqual(['web-3']);
  });

  it('peer complaints 3, 4, 5 and 6: that takes a day is waited for, with its progress, and nothing is given up or made twice', async () => {
    const world = begin([policy()], { seed: seedOf({ copySeconds: [86_000, 86_400] }) });
    const asked = copying(world);
    world.launch();
    await world.rest(12 * HOUR);
    expect(saying(world, 'web', 'Replicated')).toMatch(/^False Copying: .*is being copied/);
    expect(saying(world, 'web', 'Stalled')).toBe('');
    expect(world.policy('web')?.status?.targets?.some(({ progress }) => progress === '50%' || progress === '40%')).toBe(
      true,
    );
    await world.untilReady('web', 13 * HOUR);
    expect(asked).toHaveLength(2);
  });

  it('peer complaint 7: whose sharing is refused is not made again: the sharing alone is', async () => {
    const world = begin([policy()]);
    world.aws.setFaults([{ action: 'ModifyImageAttribute', nth: 1, times: 1e6, kind: 'error-InternalError' }]);
    const asked = copying(world);
    world.launch();
    await world.until('it is copied', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-3');
    await world.rest(HOUR);
    expect(saying(world, 'web', 'Shared')).toMatch(/^False InternalError: /);
    world.aws.setFaults([]);
    await world.untilReady('web', HOUR);
    expect(asked.filter((each) => each === `${BUILDERS}/eu-west-1`)).toHaveLength(1);
  });

  it('peer complaint 8: of a region that was forgotten is made there and nowhere else', async () => {
    const world = begin([policy()]);
    world.launch();
    await world.untilReady('web');
    const asked = copying(world);
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }, { name: 'us-west-2' }] } });
    await world.until('it is there', () => namesIn(world, BUILDERS, 'us-west-2').join() === 'web-3');
    expect(asked).toEqual([`${BUILDERS}/us-west-2`]);
  });

  it('peer complaint 9: goes to the regions of its own account, and no other', async () => {
    const accounts = [{ id: PRODUCTION, regions: [{ name: 'us-west-2' }] }];
    const world = begin([policy({ regions: [{ name: 'eu-west-1' }], accounts })]);
    const asked = copying(world);
    world.launch();
    await world.untilReady('web');
    expect(asked.toSorted()).toEqual([`${BUILDERS}/eu-west-1`, `${PRODUCTION}/us-west-2`]);
  });

  it('peer complaints 17 and 18: has all its tags from the very call that makes it, in every account', async () => {
    const bare: string[] = [];
    const world = begin([policy({ tags: { add: { team: 'platform' } } })]);
    world.aws.onMutation(({ action }, before, after) => {
      if (action !== 'CopyImage') return;
      for (const { id, tags } of [...after.images, ...after.snapshots]) {
        const isNew = ![...before.images, ...before.snapshots].some((each) => each.id === id);
        if (isNew && (tags['app'] !== 'web' || tags['team'] !== 'platform')) bare.push(id);
      }
    });
    world.launch();
    await world.untilReady('web');
    expect(bare).toEqual([]);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toMatchObject([{ tags: { app: 'web', team: 'platform' } }]);
  });
});

it('peer complaint 16: throttling while permissions are given costs time and nothing else', async () => {
  const world = begin([policy()]);
  world.aws.setFaults([{ action: 'ModifyImageAttribute', nth: 1, times: 40, kind: 'throttle' }]);
  const asked = copying(world);
  world.launch();
  await world.untilReady('web', 2 * HOUR);
  expect(copiesIn(world, BUILDERS, 'eu-west-1')[0]?.permissions.accounts).toEqual([CONSUMER]);
  expect(asked).toHaveLength(2);
});

it('peer complaint 31: a quota of public images that is used up in a region is said, and the rest is done', async () => {
  const spec = { sharing: { public: true }, accounts: undefined, regions: [{ name: 'eu-west-1' }] };
  const world = begin([policy(spec)], {
    seed: seedOf({ quotas: { publicImages: 0 } }),
    accounts: [account(BUILDERS, { allow: ['Public'] }), account(PRODUCTION)],
  });
  world.call(BUILDERS, 'eu-west-1', { Action: 'DisableImageBlockPublicAccess', Version: '2016-11-15' });
  world.launch();
  await world.until('it is said', () => /quota/i.test(saying(world, 'web', 'Shared')), 3 * HOUR);
  expect(saying(world, 'web', 'Shared')).toMatch(/web-3 .*111122223333\/eu-west-1/);
  expect(saying(world, 'web', 'Replicated')).toMatch(/^True /);
  await world.rest(30 * MINUTE);
  world.aws.resetCalls();
  await world.rest(HOUR);
  const tries = world.aws.calls().filter(({ action }) => action === 'ModifyImageAttribute');
  expect(tries.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(13);
});

it('peer complaint 32: no more copies are begun than may run into a region, and the next follow when these end', async () => {
  const source = { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 3 };
  const world = begin([policy({ source, accounts: undefined, regions: [{ name: 'eu-west-1' }], sharing: undefined })], {
    seed: seedOf({ quotas: { copiesInFlight: 1 } }),
  });
  const asked = copying(world);
  world.launch({ limits: { copiesInFlight: 1 } });
  await world.until('one waits', () => /as many as EC2 allows/.test(saying(world, 'web', 'Replicated')), MINUTE);
  await world.untilReady('web');
  expect(asked).toHaveLength(3);
  expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-1', 'web-2', 'web-3']);
  await expectRest(world);
});
