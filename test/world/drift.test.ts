import { describe, expect, it } from 'vitest';
import { BUILDERS, CONSUMER, PRODUCTION, policy, UNIT } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, type SeenImage, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const STRANGER = '999988887777';
const TAGS = { app: 'web', release: 'stable' };
const SOURCE = 'ami-00000000000000003';

const copyOf = (world: World, name = 'web-3', account = BUILDERS): SeenImage => {
  const image = copiesIn(world, account, 'eu-west-1').find((each) => each.name === name);
  if (!image) throw new Error(`there is no copy of ${name} in ${account}`);
  return image;
};

async function converged(spec: object = {}, resyncMs = 5 * MINUTE): Promise<World> {
  const world = begin([policy(spec)]);
  world.launch({ resyncMs });
  await world.untilReady('web');
  return world;
}

/** Somebody with the right to do so calls EC2 in eu-west-1. */
const byHand = (
  world: World,
  action: string,
  parameters: Record<string, string>,
  account = BUILDERS,
  region = 'eu-west-1',
): string => world.call(account, region, { Action: action, Version: '2016-11-15', ...parameters });

describe('what people change by hand on a copy', () => {
  it('a permission that they took away is given again, and one that they gave is taken back', async () => {
    const world = await converged();
    const { id } = copyOf(world);
    byHand(world, 'ModifyImageAttribute', { ImageId: id, 'LaunchPermission.Remove.1.UserId': CONSUMER });
    byHand(world, 'ModifyImageAttribute', { ImageId: id, 'LaunchPermission.Add.1.UserId': STRANGER });
    // What was written five minutes ago may not be shown yet, and is believed until then.
    await world.rest(11 * MINUTE);
    expect(copyOf(world).permissions).toMatchObject({
      accounts: [CONSUMER],
      organizationalUnits: [UNIT],
      public: false,
    });
    await expectRest(world);
  });

  it('a permission stays where unlisted grants are kept', async () => {
    const world = await converged({ sharing: { accounts: [CONSUMER], unlistedGrants: 'Keep' } });
    byHand(world, 'ModifyImageAttribute', { ImageId: copyOf(world).id, 'LaunchPermission.Add.1.UserId': STRANGER });
    await expectRest(world);
    expect(copyOf(world).permissions.accounts).toEqual([CONSUMER, STRANGER]);
  });

  it.each([
    ['alone', false],
    ['with its snapshots', true],
  ])(
    'a copy that they deregister, %s, is made again, also the second time, and leaves no snapshot',
    async (_, snapshots) => {
      const world = await converged();
      for (let time = 0; time < 2; time++) {
        const { id, volumes } = copyOf(world);
        byHand(world, 'DeregisterImage', { ImageId: id });
        await world.rest(MINUTE);
        if (snapshots)
          for (const { snapshotId } of volumes) byHand(world, 'DeleteSnapshot', { SnapshotId: snapshotId });
        await world.until(
          'it is there again',
          () => copiesIn(world, BUILDERS, 'eu-west-1').some((each) => each.id !== id && each.state === 'available'),
          2 * HOUR,
        );
        await world.untilReady('web', HOUR);
        await world.rest(HOUR);
      }
      expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
      const used = new Set(copyOf(world).volumes.map(({ snapshotId }) => snapshotId));
      const left = world.aws
        .world()
        .snapshots.filter(({ account, region }) => account === BUILDERS && region === 'eu-west-1');
      expect(left.every(({ id }) => used.has(id))).toBe(true);
      expect(copyOf(world).permissions.accounts).toEqual([CONSUMER]);
      await expectRest(world);
    },
  );

  it('a tag that they change or take off is put right, and one that they add stays', async () => {
    const world = await converged();
    const { id } = copyOf(world);
    byHand(world, 'CreateTags', {
      'ResourceId.1': id,
      'Tag.1.Key': 'app',
      'Tag.1.Value': 'other',
      'Tag.2.Key': 'cost',
      'Tag.2.Value': '7',
    });
    byHand(world, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'release' });
    await world.rest(6 * MINUTE);
    expect(copyOf(world).tags).toMatchObject({ app: 'web', release: 'stable', cost: '7' });
    await expectRest(world);
  });

  it('a copy whose identity they take off is nobody of ours: it is not touched, and status says what is wrong', async () => {
    const world = await converged();
    const { id } = copyOf(world);
    byHand(world, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'amifleet.io/policy-uid' });
    await world.rest(HOUR);
    expect(copiesIn(world, BUILDERS, 'eu-west-1').map((image) => image.id)).toContain(id);
    expect(
      copiesIn(world, BUILDERS, 'eu-west-1').find((image) => image.id === id)?.tags['amifleet.io/policy-uid'],
    ).toBeUndefined();
    expect(saying(world, 'web', 'Ready')).toMatch(/^False CopyUntagged: .*does not carry the tags.*deregister it/);
    await expectRest(world);
    byHand(world, 'DeregisterImage', { ImageId: id });
    await world.until(
      'it is there again',
      () => copiesIn(world, BUILDERS, 'eu-west-1').some((each) => each.id !== id && each.state === 'available'),
      2 * HOUR,
    );
    await world.untilReady('web', HOUR);
  });

  it('a copy that they disable is left so, with the way out; enabled, it counts again', async () => {
    const world = await converged();
    const { id } = copyOf(world);
    byHand(world, 'DisableImage', { ImageId: id });
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    expect(saying(world, 'web', 'Replicated')).toMatch(
      /^False CopyDisabled: .*is disabled, and not by this policy\. Enable it/,
    );
    expect(copyOf(world)).toMatchObject({ id, state: 'disabled' });
    await expectRest(world);
    byHand(world, 'EnableImage', { ImageId: id });
    await world.untilReady('web', 10 * MINUTE);
    expect(copyOf(world).permissions.accounts).toEqual([CONSUMER]);
  });
});

describe('what keeps a copy that is due', () => {
  const deleting = (deleteAfterDays: number) => ({ sharing: undefined, retention: { keepNewest: 1, deleteAfterDays } });
  const DELETING = deleting(1);
  /** web-3 is superseded by web-4 and would go after three days; `keep` comes in the way. Reports lag by a day. */
  async function due(keep: (world: World, id: string) => void): Promise<World> {
    const world = await converged(deleting(3), HOUR);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    const isThere = (id: string): boolean => namesIn(world, id, 'eu-west-1').includes('web-4');
    await world.until('the release is everywhere', () => isThere(BUILDERS) && isThere(PRODUCTION), 2 * HOUR);
    keep(world, copyOf(world, 'web-3').id);
    await world.rest(3 * DAY + HOUR);
    return world;
  }
  const untag = (key: string) => (world: World, id: string) =>
    byHand(world, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': key });
  const use = (world: World, imageId: string, template?: string) =>
    world.aws.use({ account: BUILDERS, region: 'eu-west-1', imageId, ...(template !== undefined && { template }) });

  const cases: readonly (readonly [
    string,
    RegExp,
    (world: World, id: string) => void,
    (world: World, id: string) => void,
  ])[] = [
    [
      'peer complaint 30: a hold',
      /^Held web-3 .*amifleet\.io\/hold: audit\. Remove the tag/,
      (world, id) =>
        byHand(world, 'CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': 'amifleet.io/hold', 'Tag.1.Value': 'audit' }),
      untag('amifleet.io/hold'),
    ],
    [
      'deregistration protection',
      /^Protected web-3 .*deregistration protection is enabled.*Switch it off/,
      (world, id) => byHand(world, 'EnableImageDeregistrationProtection', { ImageId: id }),
      (world, id) => byHand(world, 'DisableImageDeregistrationProtection', { ImageId: id }),
    ],
    [
      'an instance',
      /^InUse web-3 .*in use: referenced by/,
      (world, id) => use(world, id),
      (world, id) => world.aws.disuse(id),
    ],
    [
      'peer complaint 19: the newest version of a launch template, whatever uses that,',
      /^InUse web-3 .*in use: referenced by .*LaunchTemplate/,
      (world, id) => use(world, id, 'web'),
      (world, id) => world.aws.disuse(id),
    ],
    [
      'peer complaint 29: one old version of a launch template, which the reason names,',
      /^InUse web-3 .*in use: referenced by ec2:LaunchTemplate lt-[0-9a-f]+/,
      (world, id) => {
        use(world, id, 'web');
        for (let version = 0; version < 30; version++) use(world, SOURCE, 'web');
      },
      (world, id) => world.aws.disuse(id),
    ],
    [
      'peer complaint 21: an instance in another account, which only a usage report shows,',
      /^InUse web-3 .*in use: 1 ec2:Instance in account 222233334444, by the usage report of /,
      (world, imageId) => world.aws.use({ account: PRODUCTION, region: 'eu-west-1', imageId }),
      (world, id) => world.aws.disuse(id),
    ],
  ];

  it.each(cases)('%s keeps it, with the reason, until it is lifted', async (_, text, keep, lift) => {
    const world = await due(keep);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3', 'web-4']);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-4']);
    expect(blockedIn(world, 'web')).toContainEqual(expect.stringMatching(text));
    expect(world.isReady('web')).toBe(true);
    await expectRest(world);
    lift(world, copyOf(world, 'web-3').id);
    await world.until('it goes', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-4', 9 * DAY);
  });

  it.each([
    ['a hold', cases[0]?.[2]],
    ['deregistration protection', cases[1]?.[2]],
    ['an instance', cases[2]?.[2]],
    ['a launch', (world: World, id: string) => world.aws.launched(id, 'eu-west-1')],
  ] as const)(
    '%s that comes just before the deletion, after everything was looked at, keeps it too',
    async (_, keep) => {
      const world = await converged({ ...DELETING, sharing: { unlistedGrants: 'Keep' } }, 50 * MINUTE);
      world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
      const marked = (): string | undefined => copyOf(world, 'web-3').tags['amifleet.io/surplus-since'];
      await world.until('it is marked', () => marked() !== undefined, 2 * HOUR);
      await world.until('the last proof is asked for', () => reports(world) > 1, 2 * DAY);
      keep?.(world, copyOf(world, 'web-3').id);
      await world.rest(HOUR);
      expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3', 'web-4']);
      expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-4']);
    },
  );

  it('others who are let in while the last proof is made: another proof is asked for, which speaks of them too', async () => {
    const world = await converged({ ...DELETING, accounts: undefined }, 50 * MINUTE);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.until('the proof is asked for', () => reports(world) === 1, 3 * DAY);
    byHand(world, 'ModifyImageAttribute', {
      ImageId: copyOf(world, 'web-3').id,
      'LaunchPermission.Add.1.UserId': STRANGER,
    });
    await world.until('it goes', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-4', DAY);
    expect(reports(world)).toBe(2);
  });
});

const reports = (world: World): number =>
  world.aws
    .calls()
    .filter(({ action }) => action === 'CreateImageUsageReport')
    .reduce((sum, { count }) => sum + count, 0);

describe('a source image', () => {
  it('that is deregistered leaves its copies, and a new region is filled from one of them', async () => {
    const world = await converged({ source: { account: BUILDERS, region: 'us-east-1', images: { names: ['web-3'] } } });
    byHand(world, 'DeregisterImage', { ImageId: SOURCE }, BUILDERS, 'us-east-1');
    await world.rest(15 * MINUTE);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }, { name: 'us-west-2' }] } });
    await world.untilReady('web');
    expect(namesIn(world, BUILDERS, 'us-west-2')).toEqual(['web-3']);
    expect(namesIn(world, BUILDERS, 'us-east-1')).toEqual(['web-3']);
    expect(copiesIn(world, BUILDERS, 'us-west-2')[0]?.permissions.accounts).toEqual([CONSUMER]);
    await expectRest(world);
  });

  const RETENTION = { sharing: undefined, retention: { keepNewest: 2, deleteAfterDays: 0, minUnusedDays: 0 } };

  it('that stops to match is withdrawn: its copies go and the others stay', async () => {
    const world = await converged(RETENTION);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-2', 'web-3']);
    byHand(
      world,
      'CreateTags',
      { 'ResourceId.1': SOURCE, 'Tag.1.Key': 'release', 'Tag.1.Value': 'bad' },
      BUILDERS,
      'us-east-1',
    );
    await world.until('it is withdrawn', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-1,web-2', HOUR);
    await world.untilReady('web');
    await expectRest(world);
  });

  it('that is excluded is withdrawn', async () => {
    const world = await converged(RETENTION);
    world.patch('web', { spec: { source: { images: { exclude: ['web-2'] } } } });
    await world.until('it is withdrawn', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-1,web-3', HOUR);
    await world.untilReady('web');
    await expectRest(world);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-1', 'web-3']);
  });

  it('a selector that withdraws everything stops, until that is confirmed for this very spec', async () => {
    const source = { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 3 };
    const world = await converged({
      source,
      sharing: undefined,
      retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 },
    });
    world.patch('web', { spec: { source: { images: { tags: { release: 'typo' } } } } });
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    await world.rest(DAY);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-1', 'web-2', 'web-3']);
    expect(saying(world, 'web', 'SourceResolved')).toMatch(/^False NoSourceImages: .*tags release=typo/);
    expect(saying(world, 'web', 'RetentionApplied')).toMatch(
      /^False MassWithdrawal: .*3 of 3 versions .*kubectl annotate/,
    );
    const generation = world.policy('web')?.metadata.generation ?? 0;
    const confirm = (value: number): void =>
      world.patch('web', { metadata: { annotations: { 'amifleet.io/confirm-withdrawal': String(value) } } });
    confirm(generation - 1);
    await world.rest(HOUR);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-1', 'web-2', 'web-3']);
    confirm(generation);
    // As many as keepNewest stay, whatever is confirmed.
    await world.until('they go', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-3', DAY);
  });

  it('that matches again is not withdrawn any more, and its copies stay', async () => {
    const world = await converged(
      { sharing: undefined, retention: { keepNewest: 2, deleteAfterDays: 1 } },
      20 * MINUTE,
    );
    const tag = (value: string) =>
      byHand(
        world,
        'CreateTags',
        { 'ResourceId.1': SOURCE, 'Tag.1.Key': 'release', 'Tag.1.Value': value },
        BUILDERS,
        'us-east-1',
      );
    tag('bad');
    await world.until(
      'it is marked',
      () => copyOf(world, 'web-3').tags['amifleet.io/withdrawn-since'] !== undefined,
      HOUR,
    );
    tag('stable');
    await world.until(
      'the mark is gone',
      () => copyOf(world, 'web-3').tags['amifleet.io/withdrawn-since'] === undefined,
      HOUR,
    );
    await world.rest(2 * DAY);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-2', 'web-3']);
    expect(copyOf(world, 'web-3').tags['amifleet.io/surplus-since']).toBeUndefined();
  });
});
