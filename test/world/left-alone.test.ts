import { describe, expect, it } from 'vitest';
import { account, BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const labelled = (id: string, labels: object): object => ({ ...account(id), metadata: { name: id, labels } });
const source = (more: object = {}): object => ({
  account: BUILDERS,
  region: 'us-east-1',
  images: { tags: { release: 'stable' } },
  groupBy: ['app'],
  ...more,
});
const callsOf = (world: World, action: string): number =>
  world.aws.calls().reduce((sum, each) => sum + (each.action === action ? each.count : 0), 0);

describe('two policies of one source', () => {
  it('CopiesAndSource of the one does not delete what the other wants where the source is', async () => {
    const retention = { keepNewest: 1, deprecateAfterDays: 0, deleteAfterDays: 1, scope: 'CopiesAndSource' };
    const world = begin(
      [
        policy(
          { sharing: undefined, accounts: undefined, source: source({ newest: 3 }), regions: [{ name: 'us-east-1' }] },
          'keeps',
        ),
        policy({ sharing: undefined, accounts: undefined, retention }, 'web'),
      ],
      { accounts: [account(BUILDERS, { allow: ['RetireSources'] }), account(PRODUCTION)] },
    );
    world.launch({ resyncMs: HOUR });
    await world.untilReady('keeps');
    await world.rest(4 * DAY);
    const left = world.aws
      .world()
      .images.filter(({ state, region }) => state !== 'deregistered' && region === 'us-east-1')
      .map(({ name }) => name);
    expect(left).toEqual(['web-1', 'web-2', 'web-3']);
  });
});

describe('an account that loses its label', () => {
  it('while a copy into it is under way keeps the grant that the copy needs until it has ended', async () => {
    const selecting = {
      accounts: undefined,
      sharing: undefined,
      accountSelector: { matchLabels: { tier: 'prod' } },
    };
    const world = begin([policy(selecting)], {
      seed: seedOf({ copySeconds: [1800, 1800] }),
      accounts: [account(BUILDERS), labelled(PRODUCTION, { tier: 'prod' })],
    });
    world.launch();
    await world.until('it is begun', () => copiesIn(world, PRODUCTION, 'eu-west-1').length === 1, HOUR);
    await world.rest(MINUTE);
    world.apply(labelled(PRODUCTION, { tier: 'dev' }));
    await world.rest(5 * MINUTE);
    const [copy] = copiesIn(world, PRODUCTION, 'eu-west-1');
    expect(copy?.state).toBe('pending');
    const origin = world.aws.world().images.find(({ name, region }) => name === 'web-3' && region === 'us-east-1');
    expect(JSON.stringify(origin)).toContain(PRODUCTION);
  });
});

describe('a copy into another account that EC2 refuses for good', () => {
  it('leaves no grant open for as long as that lasts', async () => {
    const world = begin([policy({ sharing: undefined })]);
    world.aws.setFaults([
      {
        action: 'CopyImage',
        nth: 1,
        times: 1e6,
        kind: 'error-InvalidRequest',
        message: 'Images with EC2 BillingProduct codes cannot be copied to another AWS account',
        account: PRODUCTION,
        region: 'eu-west-1',
      },
    ]);
    world.launch();
    await world.until('it is said', () => /BillingProduct/.test(saying(world, 'web', 'Replicated')), HOUR);
    await world.rest(6 * HOUR);
    const origin = world.aws.world().images.find(({ name, region }) => name === 'web-3' && region === 'us-east-1');
    expect(origin?.permissions).toMatchObject({ accounts: [] });
  });
});

describe('a source image in the making', () => {
  it('is looked at now and then, and not every three seconds', async () => {
    const seed = {
      ...seedOf({ copySeconds: [1800, 1800] }),
    } as { accounts: Record<string, Record<string, unknown>> };
    const world = begin([policy({ sharing: undefined, accounts: undefined })], { seed });
    world.launch();
    await world.untilReady('web');
    // A builder makes an image: the disk takes half an hour.
    world.aws.setFaults([]);
    const base = world.aws.world().images.find(({ name, region }) => name === 'web-3' && region === 'us-east-1');
    world.call(BUILDERS, 'us-east-1', {
      Action: 'CopyImage',
      Version: '2016-11-15',
      Name: 'web-4',
      SourceImageId: base?.id ?? '',
      SourceRegion: 'us-east-1',
      'TagSpecification.1.ResourceType': 'image',
      'TagSpecification.1.Tag.1.Key': 'release',
      'TagSpecification.1.Tag.1.Value': 'stable',
      'TagSpecification.1.Tag.2.Key': 'app',
      'TagSpecification.1.Tag.2.Value': 'web',
    });
    await world.rest(6 * MINUTE);
    const before = callsOf(world, 'DescribeImages');
    await world.rest(10 * MINUTE);
    // The disk takes half an hour; every look lists all images of the source account.
    expect(callsOf(world, 'DescribeImages') - before).toBeLessThan(60);
  });
});

describe('mode Plan', () => {
  it('deletes nothing in AWS when the policy is deleted: it touches nothing', async () => {
    const world = begin([
      policy({ sharing: undefined, accounts: undefined, deletionPolicy: 'Delete', retention: { minUnusedDays: 0 } }),
    ]);
    world.launch();
    await world.untilReady('web');
    world.patch('web', { spec: { mode: 'Plan' } });
    await world.rest(10 * MINUTE);
    world.delete('web');
    await world.rest(3 * HOUR);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-3']);
  });
});
