import { describe, expect, it } from 'vitest';
import { account, BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const REGIONS = ['us-east-1', 'eu-west-1', 'us-west-2'];
const SECOND = 1000;

/** A world with so many images of an app each, oldest first, and nothing else. */
function seedWith(apps: Readonly<Record<string, number>>, more: object = {}): object {
  const seed = seedOf(more) as { accounts: Record<string, { disabledRegions: readonly string[] }> };
  const builders = seed.accounts[BUILDERS];
  const images = Object.entries(apps).flatMap(([app, count]) =>
    Array.from({ length: count }, (_, index) => ({
      name: `${app}-${String(index).padStart(3, '0')}`,
      ageDays: 400 - index,
      tags: { app, release: 'stable' },
    })),
  );
  return { ...seed, accounts: { ...seed.accounts, [BUILDERS]: { ...builders, 'us-east-1': { images } } } };
}

/** Wants every image of an app, in one account and without sharing unless told otherwise. */
const everyImageOf = (app: string, newest: number, spec: object = {}): object =>
  policy(
    {
      source: { account: BUILDERS, region: 'us-east-1', images: { tags: { app } }, newest },
      regions: [{ name: 'eu-west-1' }],
      accounts: undefined,
      sharing: undefined,
      ...spec,
    },
    app,
  );

/** Milliseconds after the start at which each copy was asked for, by the name of its image. */
function copying(world: World): { readonly name: string; readonly account: string; readonly at: number }[] {
  const asked: { name: string; account: string; at: number }[] = [];
  const start = world.clock.monotonic();
  world.aws.onMutation(({ action, parameters, account: id }) => {
    if (action === 'CopyImage')
      asked.push({ name: parameters['Name'] ?? '', account: id, at: world.clock.monotonic() - start });
  });
  return asked;
}

const throttled = (world: World): number => world.aws.calls().reduce((sum, call) => sum + call.throttled, 0);
const pendingIn = (world: World, region: string): number =>
  copiesIn(world, BUILDERS, region).filter(({ state }) => state === 'pending').length;

describe('many copies into one region', () => {
  it('of 200 images take the time that the quota allows, and no more; EC2 has nothing to refuse', async () => {
    const world = begin([everyImageOf('web', 200)], { seed: seedWith({ web: 200 }) });
    const asked = copying(world);
    world.launch();
    await world.until(
      'it says what waits',
      () =>
        /copies in .*eu-west-1: waiting for their turn: 0\.8 CopyImage calls/.test(saying(world, 'web', 'Replicated')),
      MINUTE,
    );
    await world.untilReady('web');
    // 80 at once, and 0.8 a second from then on; EC2 counts the dry run too that asks whether it may be done.
    const bound = ((1 + 200 - 80) / 0.8) * SECOND;
    expect(asked).toHaveLength(200);
    expect(asked.filter(({ at }) => at < 5 * SECOND).length).toBeGreaterThanOrEqual(79);
    expect(asked.at(-1)?.at).toBeGreaterThanOrEqual(bound);
    expect(asked.at(-1)?.at).toBeLessThan(bound * 1.05);
    expect(throttled(world)).toBe(0);
    // Older versions of a family first, over all passes.
    expect(asked.map(({ name }) => name)).toEqual(asked.map(({ name }) => name).toSorted());
  });

  it('never run in a greater number than the quota less the room for others, over all policies', async () => {
    const world = begin([everyImageOf('web', 30), everyImageOf('db', 30)], {
      seed: seedWith({ web: 30, db: 30 }, { quotas: { copiesInFlight: 20 } }),
    });
    const asked = copying(world);
    let most = 0;
    world.aws.onMutation(() => {
      most = Math.max(most, pendingIn(world, 'eu-west-1'));
    });
    world.launch({ limits: { copiesInFlight: 20 } });
    await world.until('one waits', () => /as many as EC2 allows/.test(saying(world, 'web', 'Replicated')), MINUTE);
    for (const name of ['web', 'db']) await world.untilReady(name);
    expect(most).toBe(16);
    expect(asked).toHaveLength(60);
    const failed = world.aws.calls().filter(({ action, failed: count }) => action === 'CopyImage' && count > 0);
    expect(failed).toEqual([]);
  });

  it('of others leave what they have used up of the quota to them: it is tried again when they have ended', async () => {
    const world = begin([everyImageOf('web', 3)], {
      seed: seedWith({ web: 3 }, { quotas: { copiesInFlight: 2 }, copySeconds: [100, 100] }),
    });
    await world.rest(MINUTE);
    const source = world.aws.world().images.find(({ name }) => name === 'web-000');
    for (const index of [1, 2])
      world.call(BUILDERS, 'eu-west-1', {
        Action: 'CopyImage',
        Version: '2016-11-15',
        SourceImageId: source?.id ?? '',
        SourceRegion: 'us-east-1',
        Name: `of-somebody-else-${index}`,
      });
    const asked = copying(world);
    world.launch();
    await world.untilReady('web');
    expect(asked.length).toBeLessThanOrEqual(3 + 6);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-000', 'web-001', 'web-002']);
  });

  it('of one policy do not keep another one, which a user edits meanwhile, from every second turn', async () => {
    const world = begin([everyImageOf('small', 1)], { seed: seedWith({ large: 300, small: 6 }) });
    const asked = copying(world);
    const ofLarge = (): number => asked.filter(({ name }) => name.startsWith('large')).length;
    const ofSmall = (): number => asked.length - ofLarge();
    world.launch();
    await world.untilReady('small');
    world.apply(everyImageOf('large', 300));
    await world.rest(MINUTE);
    const before = ofLarge();
    expect(before).toBeGreaterThanOrEqual(80);
    world.patch('small', { spec: { source: { newest: 5 } } });
    await world.until('its copies are asked for', () => ofSmall() === 5, MINUTE);
    // Four copies of the one and as many of the other: what had its permit before the edit goes as well.
    expect(ofLarge() - before).toBeLessThanOrEqual(5);
    await world.untilReady('small', 5 * MINUTE);
    expect(world.isReady('large')).toBe(false);
    await world.untilReady('large', HOUR);
    expect(throttled(world)).toBe(0);
  });
});

describe('an account that is throttled to nothing', () => {
  const POLICIES = [
    policy(
      {
        source: { account: BUILDERS, region: 'us-east-1', images: { tags: { app: 'both' } }, newest: 5 },
        regions: [{ name: 'eu-west-1' }],
        accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
        sharing: undefined,
      },
      'both',
    ),
    ...Array.from({ length: 10 }, (_, index) => everyImageOf(`own-${index}`, 3)),
  ];
  const apps = { both: 5, ...Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`own-${index}`, 3])) };

  /** When the source account has what it should have, and when each of the other policies is ready. */
  async function run(faults: Parameters<World['aws']['setFaults']>[0]) {
    const world = begin(POLICIES, {
      seed: seedWith(apps, { copySeconds: [30, 30], consistencySeconds: [0, 0] }),
      accounts: [account(BUILDERS), account(PRODUCTION)],
    });
    const start = world.clock.monotonic();
    world.aws.setFaults(faults);
    world.launch();
    const done = new Map<string, number>();
    await world.until(
      'the source account has everything',
      () => {
        const names = new Set(namesIn(world, BUILDERS, 'eu-west-1').map((name) => name.slice(0, -4)));
        for (const app of Object.keys(apps)) {
          const isThere = app === 'both' ? names.has(app) : world.isReady(app);
          if (isThere && !done.has(app)) done.set(app, world.clock.monotonic() - start);
        }
        return done.size === Object.keys(apps).length;
      },
      HOUR,
    );
    return { world, slowest: Math.max(...done.values()) };
  }

  it.each(['*', 'DescribeImages', 'CopyImage', 'AssumeRole'])(
    'for %s slows no other down, is not asked without end, is said, and loses nothing',
    async (action) => {
      const { slowest } = await run([]);
      // A role is assumed with the identity of the controller.
      const at = action === 'AssumeRole' ? BUILDERS : PRODUCTION;
      const fault = { action, account: at, kind: 'throttle', nth: 1, times: 1e6 } as const;
      const { world, slowest: beside } = await run([fault]);
      expect(beside).toBeLessThanOrEqual(slowest + 6 * SECOND);
      await world.rest(10 * MINUTE);
      expect(JSON.stringify(world.policy('both')?.status?.conditions)).toMatch(/RequestLimitExceeded|Throttling/);
      expect(JSON.stringify(world.policy('both')?.status?.conditions)).toMatch(/222233334444/);
      world.aws.resetCalls();
      await world.rest(HOUR);
      const asked = world.aws.calls().filter(({ account: id }) => id === PRODUCTION);
      expect(asked.reduce((sum, { count }) => sum + count, 0)).toBeLessThan(200);
      world.aws.setFaults([]);
      await world.untilReady('both', DAY);
      expect(namesIn(world, PRODUCTION, 'eu-west-1')).toHaveLength(5);
    },
  );
});

it('copies do not wait for what has to be asked about others, and are not asked for before they are allowed', async () => {
  const both = { accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }] };
  const world = begin([everyImageOf('web', 100, both)], { seed: seedWith({ web: 100 }) });
  const asked = copying(world);
  world.launch();
  await world.until('all are asked for', () => asked.length === 200, 5 * MINUTE);
  // 100 images have their launch permissions read, 80 at once and 16 a second.
  const own = asked.filter(({ account: id }) => id === BUILDERS);
  expect(own.filter(({ at }) => at < SECOND).length).toBeGreaterThanOrEqual(70);
  const away = asked.filter(({ account: id }) => id === PRODUCTION).map(({ name }) => name);
  expect(away).toEqual(away.toSorted());
  const refused = world.aws.calls().filter(({ action, failed }) => action === 'CopyImage' && failed > 0);
  expect(refused).toEqual([]);
  // Both accounts are as fast as if they were alone.
  expect(asked.at(-1)?.at).toBeLessThan((21 / 0.8) * SECOND * 1.1);
});

it('a copy that waits for its turn in many regions holds none of the others up', async () => {
  const world = begin(
    [everyImageOf('web', 120, { regions: REGIONS.filter((name) => name !== 'us-east-1').map((name) => ({ name })) })],
    { seed: seedWith({ web: 120 }) },
  );
  const asked = copying(world);
  world.launch();
  await world.untilReady('web');
  expect(asked.at(-1)?.at).toBeLessThan((40 / 0.8) * SECOND * 1.1);
});
