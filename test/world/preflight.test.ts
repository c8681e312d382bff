import { describe, expect, it } from 'vitest';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, saying } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

const retiring = policy({
  retention: { keepNewest: 1, deprecateAfterDays: 1, disableAfterDays: 2, deleteAfterDays: 3 },
});
const stalled = (world: World): boolean => world.condition('web', 'Stalled')?.status === 'True';
const callsOf = (world: World, action: string): number =>
  world.aws
    .calls()
    .filter((call) => call.action === action)
    .reduce((sum, { count }) => sum + count, 0);
/** Dry runs of an action, or of all. */
const dryRuns = (world: World, action?: string): number =>
  world.aws
    .dryRuns()
    .filter((call) => action === undefined || call.action === action)
    .reduce((sum, { count }) => sum + count, 0);

describe('what IAM does not allow', () => {
  it('is said of all targets at once, before an hour is lost, with what to add where', async () => {
    const world = begin([retiring], {
      seed: seedOf({
        denied: [
          { account: PRODUCTION, action: 'ec2:DeregisterImage' },
          { account: PRODUCTION, action: 'ec2:DisableImage', region: 'eu-west-1' },
          { account: BUILDERS, action: 'ec2:ModifyImageAttribute', region: 'eu-west-1', by: 'organization' },
        ],
        copySeconds: [3000, 3600],
      }),
    });
    world.launch();
    await world.until(
      'all is said',
      () =>
        /DeregisterImage/.test(saying(world, 'web', 'AccessReady')) &&
        /ModifyImage/.test(saying(world, 'web', 'AccessReady')),
      2 * MINUTE,
    );
    const access = saying(world, 'web', 'AccessReady');
    expect(access).toMatch(/^False PermissionMissing: /);
    expect(access).toMatch(
      /222233334444\/eu-west-1: role amifleet may not do what this policy needs: ec2:DeregisterImage, ec2:DisableImage \(because no identity-based policy allows it\)\. Allow it in the role of AwsAccount 222233334444/,
    );
    expect(access).toMatch(
      /111122223333\/eu-west-1: .*ec2:ModifyImageAttribute \(with an explicit deny in a service control policy\)\. Take the deny out/,
    );
    expect(JSON.stringify(world.policy('web'))).not.toContain('simulatedBlob');
    expect(world.policy('web')?.status?.targets?.some(({ problem }) => problem?.includes('DeregisterImage'))).toBe(
      true,
    );
    // Copying goes on all the same.
    await world.until('they are copied', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-3', 2 * HOUR);
    await world.until('everywhere', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-3', 2 * HOUR);
    world.aws.deny([]);
    await world.untilReady('web', 10 * MINUTE);
    await expectRest(world);
  });

  it.each(['ec2:CopyImage', 'ec2:CreateTags'])(
    'of %s holds back the copies there, lends nothing, and asks seldom',
    async (action) => {
      const world = begin([policy()], { seed: seedOf({ denied: [{ account: PRODUCTION, action }] }) });
      world.launch();
      await world.until('it is stalled', () => stalled(world));
      expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
      expect(saying(world, 'web', 'Replicated')).toMatch(
        /^False PermissionMissing: 222233334444\/eu-west-1: 1 action is held back/,
      );
      expect(saying(world, 'web', 'AccessReady')).toContain(action);
      const source = world.aws.world().images.find(({ id }) => id === 'ami-00000000000000003');
      expect(Object.keys(source?.tags ?? {}).filter((key) => key.includes('temp-grant'))).toEqual([]);
      expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
      await expectRest(world);
      world.aws.resetCalls();
      await world.rest(HOUR);
      expect(callsOf(world, 'CopyImage')).toBe(0);
      expect(dryRuns(world)).toBeLessThanOrEqual(30);
      world.aws.deny([]);
      await world.untilReady('web', 10 * MINUTE);
    },
  );

  it('is asked once for all policies of a target, and again after an hour', async () => {
    const world = begin([
      retiring,
      policy({ source: { account: BUILDERS, region: 'us-east-1', images: { names: ['web-1'] } } }, 'other'),
    ]);
    world.launch();
    await world.untilReady('web');
    await world.untilReady('other');
    const first = dryRuns(world);
    await world.rest(30 * MINUTE);
    expect(dryRuns(world)).toBe(first);
    expect(dryRuns(world, 'DeregisterImage')).toBe(2);
    await world.rest(65 * MINUTE);
    expect(dryRuns(world, 'DeregisterImage')).toBe(4);
    expect(dryRuns(world)).toBeLessThanOrEqual(2 * first);
  });

  it('of a dry run that says something else proves nothing', async () => {
    const world = begin([retiring]);
    world.aws.setFaults([
      { action: 'DryRun:DeregisterImage', nth: 1, times: 1000, kind: 'error-InvalidAMIID.Unavailable' },
      { action: 'DryRun:CopyImage', nth: 1, times: 1000, kind: 'error-InvalidAMIID.NotFound' },
    ]);
    world.launch();
    await world.untilReady('web');
    expect(saying(world, 'web', 'AccessReady')).toMatch(/^True /);
  });

  it('of a key that may not be looked at only warns', async () => {
    const given = seedOf() as { accounts: Record<string, object> };
    const world = begin([policy({ regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }], accounts: undefined })], {
      seed: {
        ...given,
        accounts: {
          ...given.accounts,
          [BUILDERS]: { ...given.accounts[BUILDERS], 'eu-west-1': { keys: [{ alias: 'alias/ami' }] } },
        },
        denied: [{ account: BUILDERS, action: 'kms:DescribeKey' }],
      },
    });
    world.launch();
    await world.untilReady('web');
    expect(blockedIn(world, 'web').some((text) => /^KeyNotShown .*allow kms:DescribeKey/.test(text))).toBe(true);
    await expectRest(world);
  });
});

it('Allowed AMIs that leave the source account out refuse the copy before anything is lent', async () => {
  const given = seedOf() as { accounts: Record<string, object> };
  const allowing = (providers: readonly string[]): object => ({
    ...given,
    accounts: {
      ...given.accounts,
      [PRODUCTION]: {
        ...given.accounts[PRODUCTION],
        'eu-west-1': { allowedImages: { state: 'enabled', providers } },
        'us-east-1': { allowedImages: { state: 'enabled', providers } },
      },
    },
  });
  const world = begin([policy()], { seed: allowing(['amazon']) });
  world.launch();
  await world.until('it is stalled', () => stalled(world));
  expect(saying(world, 'web', 'Replicated')).toMatch(
    /^False OriginNotAllowed: .*Allowed AMIs.* account 111122223333 is not among them.*Add the account/,
  );
  expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
  expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
  await expectRest(world);
  const other = begin([policy()], { seed: allowing([BUILDERS]) });
  other.launch();
  await other.untilReady('web');
});
