import { describe, expect, it } from 'vitest';
import { account, BUILDERS, DELETE, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const EU = { name: 'eu-west-1' };
const US = { name: 'us-east-1' };
const WEST = { name: 'us-west-2' };
const NO_SHARING = { sharing: undefined };
const retention = (rules: object): object => ({ ...NO_SHARING, retention: { keepNewest: 1, ...rules } });

async function converged(spec: object, options: Parameters<World['launch']>[0] = {}): Promise<World> {
  const world = begin([policy(spec)]);
  world.launch(options);
  await world.untilReady('web');
  return world;
}

const isGone = (world: World, name = 'web'): boolean => world.policy(name) === undefined;
const leftovers = (world: World): string[] => {
  const { images, snapshots } = world.aws.world();
  const used = new Set(
    images
      .filter(({ state }) => state !== 'deregistered')
      .flatMap(({ volumes }) => volumes.map(({ snapshotId }) => snapshotId)),
  );
  return snapshots.filter(({ id }) => !used.has(id)).map(({ id }) => id);
};
const lent = (world: World): string[] =>
  world.aws
    .world()
    .images.flatMap(({ tags }) => Object.keys(tags).filter((key) => key.startsWith('amifleet.io/temp-grant-')));

describe('a region that the policy no longer names', () => {
  it('drains once the family is ready in a target that remains', async () => {
    const world = await converged({
      ...retention({ deleteAfterDays: 0, minUnusedDays: 0 }),
      regions: [WEST],
      accounts: undefined,
    });
    world.aws.setFaults([{ action: 'CopyImage', region: 'eu-west-1', nth: 1, times: 1e6, kind: 'throttle' }]);
    world.patch('web', { spec: { regions: [EU] } });
    await world.rest(HOUR);
    expect(namesIn(world, BUILDERS, 'us-west-2')).toEqual(['web-3']);
    expect(blockedIn(world, 'web').some((line) => line.startsWith('ReplacementMissing web-3 '))).toBe(true);
    world.aws.setFaults([]);
    await world.until('it drains', () => copiesIn(world, BUILDERS, 'us-west-2').length === 0, 2 * HOUR);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    await world.untilReady('web');
    await world.rest(10 * MINUTE);
    expect(leftovers(world)).toEqual([]);
    await expectRest(world);
  });

  it('and that is named again before its time keeps its copies, and loses the mark', async () => {
    const world = await converged({ ...retention({ deleteAfterDays: 1 }), regions: [EU, WEST], accounts: undefined });
    const { id } = copiesIn(world, BUILDERS, 'us-west-2')[0] ?? {};
    world.patch('web', { spec: { regions: [EU] } });
    const mark = (): string | undefined => copiesIn(world, BUILDERS, 'us-west-2')[0]?.tags['amifleet.io/surplus-since'];
    await world.until('it is marked', () => mark() !== undefined);
    await world.rest(HOUR);
    world.patch('web', { spec: { regions: [EU, WEST] } });
    await world.until('the mark is gone', () => mark() === undefined);
    await world.rest(DAY + HOUR);
    expect(copiesIn(world, BUILDERS, 'us-west-2').map((image) => image.id)).toEqual([id]);
  });

  it('keeps its copies where the policy has no retention', async () => {
    const world = await converged({ ...NO_SHARING, regions: [EU, WEST], accounts: undefined });
    world.patch('web', { spec: { regions: [EU] } });
    await expectRest(world);
    expect(namesIn(world, BUILDERS, 'us-west-2')).toEqual(['web-3']);
    await world.untilReady('web');
  });

  it('is found again after a restart, and drains', async () => {
    const world = begin([
      policy({ ...retention({ deleteAfterDays: 0, minUnusedDays: 0 }), regions: [EU, WEST], accounts: undefined }),
    ]);
    const first = world.launch();
    await world.untilReady('web');
    await first.stop();
    world.patch('web', { spec: { regions: [EU] } });
    world.launch();
    await world.until('it drains', () => copiesIn(world, BUILDERS, 'us-west-2').length === 0, 2 * HOUR);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
  });
});

describe('what stops the work on a policy', () => {
  it('suspend: nothing is copied, shared or deleted, and all of it is made good afterwards', async () => {
    const world = await converged(retention({ deleteAfterDays: 0, minUnusedDays: 0 }));
    world.patch('web', { spec: { suspend: true } });
    await world.rest(MINUTE);
    const { mutations } = world.oracle;
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.rest(HOUR);
    expect(world.oracle.mutations).toBe(mutations);
    expect(saying(world, 'web', 'Ready')).toMatch(/^False Suspended: spec\.suspend is true/);
    expect(saying(world, 'web', 'Stalled') + saying(world, 'web', 'Reconciling')).toBe('');
    world.patch('web', { spec: { suspend: false } });
    await world.until(
      'the release takes the place',
      () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-4',
      HOUR,
    );
    await world.untilReady('web');
  });

  it('mode Plan: what would be done is published and nothing is; back in Apply it is done', async () => {
    const world = await converged(retention({ deleteAfterDays: 0, minUnusedDays: 0 }));
    world.patch('web', { spec: { mode: 'Plan' } });
    await world.rest(MINUTE);
    const { mutations } = world.oracle;
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.rest(HOUR);
    expect(world.oracle.mutations).toBe(mutations);
    expect(saying(world, 'web', 'Ready')).toMatch(/^True PlanPublished: \d+ actions would be taken/);
    expect(world.policy('web')?.status?.plan?.actions).toMatchObject({ CopyImage: 2 });
    await expectRest(world);
    world.patch('web', { spec: { mode: 'Apply' } });
    await world.until(
      'the release takes the place',
      () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-4',
      HOUR,
    );
  });

  it('--read-only: nothing is changed, and status says what would be', async () => {
    const world = begin([policy()]);
    world.launch({ readOnly: true });
    await world.rest(HOUR);
    expect(world.oracle.mutations).toBe(0);
    expect(saying(world, 'web', 'Ready')).toMatch(/^False AccountReadOnly: .*--read-only/);
    expect(world.condition('web', 'Stalled')).toBeDefined();
    await expectRest(world);
  });

  it('an AwsAccount that is readOnly holds back only what concerns it', async () => {
    const world = begin([policy()], { accounts: [account(BUILDERS), account(PRODUCTION, { readOnly: true })] });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
    await world.rest(HOUR);
    expect(lent(world)).toEqual([]);
    world.apply(account(PRODUCTION));
    await world.untilReady('web', 10 * MINUTE);
  });

  it('--allow-delete=false: what is due stays, everything else goes on', async () => {
    const world = begin([policy(retention({ deleteAfterDays: 0, minUnusedDays: 0 }))]);
    const first = world.launch({ limits: { allowDelete: false } });
    await world.untilReady('web');
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.until('the release is there', () => namesIn(world, PRODUCTION, 'eu-west-1').includes('web-4'), HOUR);
    await world.rest(HOUR);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3', 'web-4']);
    expect(world.isReady('web')).toBe(true);
    expect(blockedIn(world, 'web').some((line) => /^DeletionDisabled .*--allow-delete=false/.test(line))).toBe(true);
    await expectRest(world);
    await first.stop();
    world.launch();
    await world.until('what is due goes', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-4', HOUR);
  });
});

describe('retention', () => {
  it('that is loosened while copies are surplus takes the marks off', async () => {
    const world = await converged(retention({ deleteAfterDays: 1 }));
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    const mark = (): string | undefined =>
      copiesIn(world, PRODUCTION, 'eu-west-1').find(({ name }) => name === 'web-3')?.tags['amifleet.io/surplus-since'];
    await world.until('it is marked', () => mark() !== undefined, HOUR);
    world.patch('web', { spec: { retention: { keepNewest: 2 } } });
    await world.until('the mark is gone', () => mark() === undefined, HOUR);
    await world.rest(2 * DAY);
    expect(namesIn(world, PRODUCTION, 'eu-west-1').slice(-2)).toEqual(['web-3', 'web-4']);
  });

  it('deletes no more versions a day than it may, also when the controller is started again', async () => {
    const source = { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 3 };
    const world = begin([policy({ ...NO_SHARING, source, regions: [EU], accounts: undefined })]);
    let controller = world.launch({ resyncMs: HOUR });
    await world.untilReady('web');
    // It is noon: the day, UTC, has twelve hours left.
    world.patch('web', {
      spec: {
        source: { newest: 1 },
        retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0, maxDeletionsPerDay: 1 },
      },
    });
    await world.until('one is gone', () => namesIn(world, BUILDERS, 'eu-west-1').length === 2, HOUR);
    for (let start = 0; start < 3; start++) {
      await controller.stop();
      controller = world.launch({ resyncMs: HOUR });
      await world.rest(3 * HOUR);
      expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-2', 'web-3']);
    }
    expect(blockedIn(world, 'web').some((line) => /^DailyLimit web-2 .*goes on tomorrow/.test(line))).toBe(true);
    await world.rest(6 * HOUR);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(world.isReady('web')).toBe(true);
  });
});

describe('a policy that is deleted', () => {
  it('leaves everything as it is with Retain, but for temporary grants', async () => {
    const world = await converged({});
    world.delete('web');
    await world.until('it is gone', () => isGone(world));
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    expect(lent(world)).toEqual([]);
  });

  it('takes its copies and their snapshots with it with Delete, and no source', async () => {
    const world = await converged({ ...NO_SHARING, ...DELETE });
    world.delete('web');
    await world.until('it is gone', () => isGone(world));
    expect(
      world.aws
        .world()
        .images.filter(({ state }) => state === 'available')
        .map(({ name }) => name),
    ).toEqual(['web-1', 'web-2', 'web-3']);
    expect(leftovers(world)).toEqual([]);
  });

  it('with Delete waits for what is in use, says so, and goes when nobody uses it any more', async () => {
    const world = await converged({ ...NO_SHARING, ...DELETE });
    const imageId = copiesIn(world, PRODUCTION, 'eu-west-1')[0]?.id ?? '';
    world.aws.use({ account: PRODUCTION, region: 'eu-west-1', imageId });
    world.delete('web');
    await world.rest(HOUR);
    expect(copiesIn(world, BUILDERS, 'eu-west-1')).toEqual([]);
    expect(saying(world, 'web', 'Ready')).toMatch(/^False DeletionBlocked: .*in use.*set deletionPolicy: Retain/);
    expect(world.condition('web', 'Stalled')).toBeDefined();
    world.aws.disuse(imageId);
    await world.until('it is gone', () => isGone(world), HOUR);
    expect(leftovers(world)).toEqual([]);
  });

  it.each(['Retain', 'Delete'])(
    'with %s while copies are under way leaves no grant and no half a copy',
    async (deletionPolicy) => {
      const world = begin([policy({ ...NO_SHARING, deletionPolicy })]);
      world.launch();
      await world.until('copies are under way', () => copiesIn(world, PRODUCTION, 'eu-west-1').length === 1);
      world.delete('web');
      await world.until('it is gone', () => isGone(world), 2 * HOUR);
      await world.rest(HOUR);
      expect(lent(world)).toEqual([]);
      expect(leftovers(world)).toEqual([]);
      const names = deletionPolicy === 'Retain' ? ['web-3'] : [];
      expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(names);
      const sources = world.aws
        .world()
        .images.filter(({ account: id, region }) => id === BUILDERS && region === 'us-east-1');
      expect(sources.flatMap(({ permissions }) => permissions.accounts)).toEqual([]);
    },
  );

  it('and made again under its name takes its copies back', async () => {
    const world = await converged({});
    const before = copiesIn(world, PRODUCTION, 'eu-west-1').map(({ id }) => id);
    const uid = world.policy('web')?.metadata.uid;
    world.delete('web');
    await world.until('it is gone', () => isGone(world));
    world.apply(policy());
    await world.untilReady('web');
    const after = copiesIn(world, PRODUCTION, 'eu-west-1');
    expect(after.map(({ id }) => id)).toEqual(before);
    expect(after[0]?.tags['amifleet.io/policy-uid']).toBe(world.policy('web')?.metadata.uid);
    expect(world.policy('web')?.metadata.uid).not.toBe(uid);
    await expectRest(world);
  });

  it('while its account cannot be used stays, with the way out, and goes when the account is back', async () => {
    const world = await converged({ ...NO_SHARING, ...DELETE });
    world.apply(account(PRODUCTION, { namespaces: ['others'] }));
    await world.rest(MINUTE);
    world.delete('web');
    await world.rest(HOUR);
    expect(saying(world, 'web', 'Ready')).toMatch(
      /^False DeletionBlocked: .*cannot be seen: .*AwsAccount 222233334444 does not let namespace platform use it.*kubectl annotate amipolicy web -n platform/,
    );
    expect(world.condition('web', 'Stalled')).toBeDefined();
    await expectRest(world);
    world.apply(account(PRODUCTION));
    await world.until('it is gone', () => isGone(world), HOUR);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
  });
});

describe('two policies that want the same', () => {
  async function two(spec: object): Promise<World> {
    const world = await converged({ ...NO_SHARING, ...spec });
    world.apply(policy({ ...NO_SHARING, regions: [US, EU, WEST] }, 'second'));
    await world.until('the second stands off', () => world.condition('second', 'Stalled') !== undefined);
    return world;
  }

  it('the older has it, the second stands off and names both, and does the rest', async () => {
    const world = await two({});
    expect(saying(world, 'second', 'Replicated')).toMatch(
      /^False OwnershipConflict: .*platform\/web.*platform\/second stands off/,
    );
    expect(namesIn(world, BUILDERS, 'us-west-2')).toEqual(['web-3']);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(world.isReady('web')).toBe(true);
    await expectRest(world);
  });

  it('when the first goes with its copies, the second makes what is missing', async () => {
    const world = await two(DELETE);
    world.delete('web');
    await world.until('it is gone', () => isGone(world), HOUR);
    await world.untilReady('second', HOUR);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1').map(({ tags }) => tags['amifleet.io/policy'])).toEqual([
      'platform/second',
    ]);
  });

  it('when the first goes and leaves its copies, the second touches none of them and says how to go on', async () => {
    const world = await two({});
    world.delete('web');
    await world.until('it is gone', () => isGone(world), HOUR);
    await world.rest(HOUR);
    expect(saying(world, 'second', 'Replicated')).toMatch(
      /^False OwnershipConflict: .*if that policy is no more, deregister that image/,
    );
    for (const { account: id, region, id: imageId } of [
      ...copiesIn(world, BUILDERS, 'eu-west-1'),
      ...copiesIn(world, PRODUCTION, 'eu-west-1'),
    ])
      world.call(id, region, { Action: 'DeregisterImage', Version: '2016-11-15', ImageId: imageId });
    await world.untilReady('second', HOUR);
  });

  it('that are applied at the same time make one copy each place', async () => {
    const world = begin([policy(NO_SHARING), policy(NO_SHARING, 'second')]);
    world.launch();
    await world.until('one is ready', () => world.isReady('web') || world.isReady('second'));
    await world.until('one stands off', () =>
      [saying(world, 'web', 'Replicated'), saying(world, 'second', 'Replicated')].some((text) =>
        text.includes('OwnershipConflict'),
      ),
    );
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    await expectRest(world);
  });
});

describe('a steady world', () => {
  const seed = seedOf({
    accounts: {
      [BUILDERS]: {
        'us-east-1': {
          images: Array.from({ length: 10 }, (_, index) => ({
            name: `app-${index}`,
            ageDays: 5,
            tags: { app: `app-${index}`, release: 'stable' },
          })),
        },
      },
      [PRODUCTION]: {},
    },
  });
  const policies = (count: number): object[] =>
    Array.from({ length: count }, (_, index) => {
      const images = { tags: { app: `app-${index}` } };
      return policy({ ...NO_SHARING, source: { account: BUILDERS, region: 'us-east-1', images } }, `app-${index}`);
    });

  async function readsPerResync(count: number): Promise<number> {
    const world = begin(policies(count), { seed });
    world.launch();
    for (let index = 0; index < count; index++) await world.untilReady(`app-${index}`, 2 * HOUR);
    await world.rest(HOUR);
    const { mutations, statusWrites } = world.oracle;
    let reads = 0;
    world.aws.onCall(({ action, parameters }) => {
      // A further page, sometimes an empty one, is no further reading.
      if (action.startsWith('Describe') && parameters['NextToken'] === undefined) reads++;
    });
    await world.rest(30 * MINUTE);
    expect(world.oracle).toMatchObject({ mutations, statusWrites });
    return reads / 6;
  }

  it('costs ten policies over the same targets as many reads as one, no mutation and no status write', async () => {
    const one = await readsPerResync(1);
    expect(one).toBe(6);
    expect(await readsPerResync(10)).toBe(one);
  });
});
