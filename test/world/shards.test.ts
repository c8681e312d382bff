import { describe, expect, it } from 'vitest';
import type { AwsAccount } from '../../src/api/aws-account.ts';
import { canonical } from './canonical.ts';
import { BUILDERS, CONSUMER, DELETE, PRODUCTION, policy, seedOf } from './documents.ts';
import type { Lifeline } from './lifeline.ts';
import { begin, copiesIn, everywhere, expectRest, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
/** One shard by its label, and one for everything that has another label or none. */
const A = 'shard=a';
const REST = 'shard notin (a)';

const labelled = (shard: string, name: string, spec: object = {}): object => {
  const document = policy({ sharing: undefined, ...spec }, name) as { readonly metadata: object };
  return { ...document, metadata: { ...document.metadata, labels: { shard } } };
};
const ofApp = (app: string): object => ({
  source: { account: BUILDERS, region: 'us-east-1', images: { tags: { app } }, groupBy: ['app'] },
});
const seed = seedOf({ copySeconds: [5, 10] });

/** The policies whose status a controller has written. */
const worked = ({ changes }: Lifeline): string[] => [
  ...new Set(changes.flatMap((name) => /amipolicies\/([^/]+)\/status/.exec(name)?.[1] ?? [])),
];
const changesOfAccounts = ({ changes }: Lifeline): number =>
  changes.filter((name) => /awsaccounts\/[^/]+\/status/.test(name)).length;

function accountOf(world: World, id: string): AwsAccount | undefined {
  const answer = world.kube.handle({ method: 'GET', url: `/apis/amifleet.io/v1alpha1/awsaccounts/${id}` });
  return answer.kind === 'answer' && answer.status === 200 ? (JSON.parse(answer.body) as AwsAccount) : undefined;
}

describe('two shards', () => {
  /** A release takes the place of a version of each of two apps, each with a policy of its own. */
  async function run(launch: (world: World) => void) {
    const spec = { retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } };
    const world = begin(
      [labelled('a', 'web', { ...ofApp('web'), ...spec }), labelled('b', 'db', { ...ofApp('db'), ...spec })],
      {
        seed,
      },
    );
    world.release(BUILDERS, 'us-east-1', 'db-1', { app: 'db' });
    launch(world);
    for (const name of ['web', 'db']) await world.untilReady(name, HOUR);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.until(
      'only the release is left',
      () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'db-1,web-4',
      2 * HOUR,
    );
    for (const name of ['web', 'db']) await world.untilReady(name, HOUR);
    await world.rest(30 * MINUTE);
    await expectRest(world);
    return { end: canonical(world.aws.world()), made: world.oracle.made.size };
  }

  it('do together what one controller does, each with its own policies', async () => {
    const lives: Lifeline[] = [];
    const together = await run((world) => {
      lives.push(world.launch({ selector: A }).life, world.launch({ selector: REST }).life);
    });
    expect(together).toEqual(await run((world) => void world.launch()));
    expect(lives.map(worked)).toEqual([['web'], ['db']]);
  });

  it('say of an account what one of them sees: the one whose selector finds it', async () => {
    const lives: Lifeline[] = [];
    await run((world) => {
      lives.push(world.launch({ selector: A }).life, world.launch({ selector: REST }).life);
    });
    const [a, rest] = lives.map(changesOfAccounts);
    expect(a).toBe(0);
    expect(rest).toBeGreaterThan(0);
  });
});

describe('policies of two shards that want the same source', () => {
  it('the older one has it, the other stands off and names it, and goes on when that is gone', async () => {
    const world = begin([labelled('a', 'first', { ...DELETE, accounts: undefined })], { seed });
    world.launch({ selector: A });
    world.launch({ selector: REST });
    await world.untilReady('first');
    world.apply(labelled('b', 'second', { accounts: undefined }));
    await world.until('the second stands off', () => saying(world, 'second', 'Stalled') !== '', HOUR);
    expect(saying(world, 'second', 'Ready')).toContain('platform/first');
    await world.rest();
    await expectRest(world);
    world.delete('first');
    await world.until('the first is gone', () => world.policy('first') === undefined, DAY);
    await world.untilReady('second');
    const [copy] = copiesIn(world, BUILDERS, 'eu-west-1');
    expect(copy?.tags['amifleet.io/policy']).toBe('platform/second');
  });

  it('a claim of a policy that one shard has not heard of yet is not taken from it', async () => {
    const sharing = (...accounts: string[]): object => ({
      regions: [{ name: 'us-east-1' }],
      accounts: undefined,
      sharing: { accounts },
    });
    const world = begin([labelled('a', 'ours', sharing(CONSUMER))], { seed });
    world.launch({ selector: A, resyncMs: 8 * MINUTE });
    await world.untilReady('ours');
    await world.clock.advance(5 * MINUTE);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.clock.advance(MINUTE);
    // Two and a half minutes of silence go unnoticed, and the resync falls into them.
    world.kube.silenceWatches();
    world.apply(labelled('b', 'theirs', sharing(CONSUMER, '555566667777')));
    world.launch({ selector: REST });
    const claim = (): string =>
      world.aws.world().images.find(({ name }) => name === 'web-4')?.tags['amifleet.io/claimed-by'] ?? '';
    await world.until('theirs has claimed it', () => claim().startsWith('platform/theirs '), MINUTE);
    await world.rest(10 * MINUTE);
    expect(claim()).toMatch(/^platform\/theirs /);
    expect(saying(world, 'ours', 'Shared')).toContain('claimed by platform/theirs');
  });
});

describe('a policy that gets another label', () => {
  it.each([0, 2, 6, 20])(
    '%i seconds after its copies began: the other shard goes on, and none is made twice',
    async (seconds) => {
      const world = begin([labelled('a', 'web')], { seed });
      const first = world.launch({ selector: A });
      const second = world.launch({ selector: REST });
      await world.until('a copy has begun', () => world.oracle.made.size > 0);
      await world.clock.advance(seconds * 1000);
      world.patch('web', { metadata: { labels: { shard: 'b' } } });
      await world.untilReady('web');
      expect(everywhere(world, 'web-3')).toBe(true);
      await world.rest();
      expect(world.oracle.made.size).toBe(2);
      const before = first.life.changes.length;
      world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
      await world.until('the release is there', () => everywhere(world, 'web-3,web-4'), HOUR);
      await world.untilReady('web');
      expect(first.life.changes).toHaveLength(before);
      expect(worked(second.life)).toEqual(['web']);
      // The release itself, and two copies of each version.
      expect(world.oracle.made.size).toBe(5);
      await world.rest();
      await expectRest(world);
    },
  );
});

describe('what a shard left behind', () => {
  it('is found by its own sweep after a restart, and by no other', async () => {
    const spec = { retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } };
    const world = begin([labelled('a', 'web', spec)], { seed });
    const first = world.launch({ selector: A });
    const other = world.launch({ selector: REST });
    await world.untilReady('web');
    await first.stop();
    world.patch('web', { spec: { accounts: null } });
    await world.rest(HOUR);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    world.launch({ selector: A });
    await world.until('the target is empty', () => copiesIn(world, PRODUCTION, 'eu-west-1').length === 0, 2 * DAY);
    expect(worked(other.life)).toEqual([]);
  });

  it('keeps the AwsAccount, and lets it go once it is gone, though another shard looks after it', async () => {
    const world = begin([labelled('a', 'web', DELETE)], { seed });
    world.launch({ selector: A });
    world.launch({ selector: REST });
    await world.untilReady('web');
    world.deleteAccount(PRODUCTION);
    await world.rest(HOUR);
    expect(accountOf(world, PRODUCTION)?.status?.conditions?.[0]?.message).toContain('1 copies of this cluster');
    world.delete('web');
    await world.until('the policy is gone', () => world.policy('web') === undefined, DAY);
    await world.until('the account is gone', () => accountOf(world, PRODUCTION) === undefined, HOUR);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
  });
});
