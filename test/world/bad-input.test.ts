import { describe, expect, it } from 'vitest';
import { account, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, saying } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

const stalled = (world: World): boolean => world.condition('web', 'Stalled')?.status === 'True';
const problemAt = (world: World, region: string, id = BUILDERS): string | undefined =>
  world.policy('web')?.status?.targets?.find((target) => target.account === id && target.region === region)?.problem;
const expectOthersReady = (world: World): void => expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);

describe('a region that cannot be used', () => {
  it.each([
    ['peer complaint 1: that does not exist', 'eu-west-9'],
    ['peer complaint 10: that the account has not enabled', 'ap-east-1'],
  ])('%s stalls the policy, the other targets go on, and a corrected spec is ready by itself', async (_, region) => {
    const world = begin([policy({ regions: [{ name: 'us-east-1' }, { name: region }, { name: 'eu-west-1' }] })]);
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expectOthersReady(world);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    expect(saying(world, 'web', 'AccessReady')).toMatch(
      new RegExp(
        `^False RegionNotEnabled: ${BUILDERS}/${region}: .*not a region that account ${BUILDERS} has enabled\\. Correct the name`,
      ),
    );
    expect(saying(world, 'web', 'Ready')).toMatch(/^False RegionNotEnabled/);
    expect(problemAt(world, region)).toContain('Correct the name');
    await expectRest(world);
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }] } });
    await world.untilReady('web');
  });
});

describe('an account that cannot be used', () => {
  const wrong = [
    [
      'whose external id is wrong',
      [account(PRODUCTION, { externalId: 'another' })],
      /^False AssumeRoleFailed: .*cannot be assumed.*external id/,
    ],
    [
      'whose role does not exist',
      [account(PRODUCTION, { roleArn: `arn:aws:iam::${PRODUCTION}:role/none` })],
      /^False AssumeRoleFailed: .*role\/none cannot be assumed.*Check that the role exists/,
    ],
    [
      'that is reached with an identity of another account',
      [
        {
          apiVersion: 'amifleet.io/v1alpha1',
          kind: 'AwsAccount',
          metadata: { name: PRODUCTION },
          spec: { namespaces: ['platform'] },
        },
      ],
      /^False WrongAccount: .*is in account 111122223333, not in 222233334444.*Set spec\.roleArn/,
    ],
    ['without an AwsAccount', [], /^False NoAwsAccount: .*A cluster administrator creates one/],
    [
      'whose AwsAccount does not name the namespace',
      [account(PRODUCTION, { namespaces: ['others'] })],
      /^False NamespaceNotAllowed: .*does not let namespace platform.*adds the namespace/,
    ],
  ] as const;

  it.each(wrong)(
    '%s stalls the policy, the others go on, and it recovers when that is mended',
    async (_, documents, text) => {
      const world = begin([policy()], { accounts: [account(BUILDERS), ...documents] });
      world.launch();
      await world.until('it is stalled', () => stalled(world));
      expectOthersReady(world);
      expect(saying(world, 'web', 'AccessReady')).toMatch(text);
      expect(saying(world, 'web', 'Stalled')).toMatch(/^True /);
      expect(problemAt(world, 'eu-west-1', PRODUCTION)).toBeDefined();
      expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
      await expectRest(world);
      world.apply(account(PRODUCTION));
      await world.untilReady('web', 10 * MINUTE);
      expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    },
  );

  it('whose role does not trust the controller stalls the policy and says so', async () => {
    const role = `arn:aws:iam::${PRODUCTION}:role/amifleet`;
    const seed = seedOf({ roles: [{ arn: role, externalId: 'amifleet-prod', trusts: [CONSUMER] }] });
    const world = begin([policy()], { seed });
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expectOthersReady(world);
    expect(saying(world, 'web', 'AccessReady')).toMatch(
      /^False AssumeRoleFailed: .*its trust policy names the identity of the controller/,
    );
    expect(JSON.stringify(world.policy('web')?.status)).not.toContain('amifleet-prod');
  });

  it('that is the source account stops the policy, and says that the source cannot be seen', async () => {
    const world = begin([policy()], { accounts: [account(PRODUCTION)] });
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expect(saying(world, 'web', 'SourceResolved')).toMatch(
      /^Unknown SourceUnavailable: .*there is no AwsAccount 111122223333/,
    );
    await expectRest(world);
    world.apply(account(BUILDERS));
    await world.untilReady('web', 10 * MINUTE);
  });
});

describe('a selector', () => {
  it('that matches nothing stalls the policy until an image is there', async () => {
    const images = { tags: { release: 'none' } };
    const world = begin([policy({ source: { account: BUILDERS, region: 'us-east-1', images } })]);
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expect(saying(world, 'web', 'SourceResolved')).toMatch(
      /^False NoSourceImages: .*no available image of account 111122223333 in us-east-1 matches tags release=none.*aws ec2 describe-images/,
    );
    await expectRest(world);
    world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'none' });
    await world.untilReady('web', 15 * MINUTE);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-4']);
  });

  it('that matches more than is meant copies nothing, and says how to narrow it', async () => {
    const source = { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 3 };
    const world = begin([policy({ source })]);
    world.launch({ limits: { wantedVersions: 2 } });
    await world.until('it is stalled', () => stalled(world));
    expect(saying(world, 'web', 'SourceResolved')).toMatch(
      /^False SelectorTooBroad: .*3 versions in 1 families.*Narrow source\.images/,
    );
    expect(copiesIn(world, BUILDERS, 'eu-west-1')).toEqual([]);
    await expectRest(world);
    world.patch('web', { spec: { source: { newest: 2 } } });
    await world.untilReady('web');
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-2', 'web-3']);
  });

  const only = (state: string): object =>
    seedOf({
      accounts: {
        [BUILDERS]: { 'us-east-1': { images: [{ name: 'web-1', state, tags: { app: 'web', release: 'stable' } }] } },
        [PRODUCTION]: {},
      },
    });

  it('that finds only images in the making waits for them, and takes them when they are there', async () => {
    const world = begin([policy()], { seed: only('pending') });
    world.launch();
    await world.rest(5000);
    expect(saying(world, 'web', 'SourceResolved')).toMatch(
      /^False SourcePending: .*web-1.*counts once it is available/,
    );
    expect(saying(world, 'web', 'Reconciling')).toMatch(/^True /);
    await world.untilReady('web', 10 * MINUTE);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-1']);
  });

  it('that finds only failed images stalls, and names them', async () => {
    const world = begin([policy()], { seed: only('failed') });
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expect(saying(world, 'web', 'SourceResolved')).toMatch(
      /^False NoSourceImages: .*passed over: web-1 \(ami-\w+\) is failed/,
    );
    expect(blockedIn(world, 'web').some((text) => text.startsWith('SourceFailed web-1'))).toBe(true);
  });
});

describe('images that EC2 would not take', () => {
  it('as they have more tags than a copy can carry stall, and the others go on', async () => {
    const many = Object.fromEntries(Array.from({ length: 46 }, (_, index) => [`key-${index}`, 'value']));
    const image = (version: number, tags: object) => ({
      name: `web-${version}`,
      ageDays: 10 - version,
      tags: { app: 'web', release: 'stable', ...tags },
    });
    const seed = seedOf({
      accounts: { [BUILDERS]: { 'us-east-1': { images: [image(1, {}), image(2, many)] } }, [PRODUCTION]: {} },
    });
    const source = { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 2 };
    const world = begin([policy({ source })], { seed });
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-1']);
    expect(saying(world, 'web', 'Replicated')).toMatch(/^False TooManyTags: .*web-2.*Take tags out with tags\.exclude/);
    await expectRest(world);
    world.patch('web', { spec: { tags: { exclude: Object.keys(many).slice(0, 40) } } });
    await world.untilReady('web');
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-1', 'web-2']);
  });

  it('as a copy is refused for its name stall without a loop, and are copied once that is over', async () => {
    const world = begin([policy()]);
    world.aws.setFaults([
      {
        action: 'CopyImage',
        region: 'eu-west-1',
        account: BUILDERS,
        nth: 1,
        times: 1000,
        kind: 'error-InvalidAMIName.Malformed',
      },
    ]);
    world.launch();
    await world.until('it is stalled', () => stalled(world));
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    expect(saying(world, 'web', 'Replicated')).toMatch(
      /^False InvalidAMIName.*: web-3 .* in 111122223333\/eu-west-1: /,
    );
    world.aws.resetCalls();
    await world.rest(HOUR);
    const tries = world.aws
      .calls()
      .filter(({ action }) => action === 'CopyImage')
      .reduce((sum, { count }) => sum + count, 0);
    expect(tries).toBeLessThanOrEqual(13);
    world.aws.setFaults([]);
    await world.untilReady('web', 10 * MINUTE);
  });
});

it('an organisational unit of another organisation is shared with like any', async () => {
  const unit = 'arn:aws:organizations::999988887777:ou/o-zzzzzzzzzz/ou-zz99-zzzzzzzz';
  const world = begin([policy({ sharing: { organizationalUnits: [unit] } })]);
  world.launch();
  await world.untilReady('web');
  expect(copiesIn(world, BUILDERS, 'eu-west-1')[0]?.permissions.organizationalUnits).toEqual([unit]);
});
