import { describe, expect, it } from 'vitest';
import type { AccountStatus } from '../../src/api/account-status.ts';
import { account, BUILDERS, DELETE, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

interface Stored {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly deletionTimestamp?: string };
  readonly status?: AccountStatus;
}

function accountOf(world: World, id: string): Stored | undefined {
  const answer = world.kube.handle({ method: 'GET', url: `/apis/amifleet.io/v1alpha1/awsaccounts/${id}` });
  return answer.kind === 'answer' && answer.status === 200 ? (JSON.parse(answer.body) as Stored) : undefined;
}
const ready = (world: World, id: string): string => {
  const condition = accountOf(world, id)?.status?.conditions?.find(({ type }) => type === 'Ready');
  return `${condition?.status} ${condition?.reason}: ${condition?.message}`;
};
const labelled = (id: string, labels: object): object => ({ ...account(id), metadata: { name: id, labels } });

describe('the status of an AwsAccount', () => {
  it('says that the account was reached, its regions and the copies in it', async () => {
    const world = begin([policy({ sharing: undefined })]);
    world.launch();
    await world.untilReady('web');
    await world.until('it is looked at', () => accountOf(world, PRODUCTION)?.status?.images === 1, 2 * HOUR);
    expect(ready(world, PRODUCTION)).toMatch(/^True Usable: .*3 regions enabled, and namespaces platform may use it/);
    expect(accountOf(world, PRODUCTION)?.status).toMatchObject({
      regionCount: 3,
      regions: ['eu-west-1', 'us-east-1', 'us-west-2'],
    });
    const before = JSON.stringify(accountOf(world, PRODUCTION));
    await world.rest(4 * HOUR);
    expect(JSON.stringify(accountOf(world, PRODUCTION))).toBe(before);
  });

  it('says what is wrong with the role, without the external id, and that it is well again', async () => {
    const world = begin([policy()], {
      accounts: [account(BUILDERS), account(PRODUCTION, { externalId: 'amifleet-wrong' })],
    });
    world.launch();
    await world.until('it is said', () => ready(world, PRODUCTION).startsWith('False AssumeRoleFailed'));
    expect(ready(world, PRODUCTION)).not.toContain('amifleet-wrong');
    world.apply(account(PRODUCTION));
    await world.until('it is well', () => ready(world, PRODUCTION).startsWith('True Usable'));
  });
});

describe('an AwsAccount that is deleted', () => {
  it('stays while copies are in its account, says how many and the way out, and goes with the last of them', async () => {
    const world = begin([policy({ sharing: undefined, ...DELETE })]);
    world.launch();
    await world.untilReady('web');
    world.deleteAccount(PRODUCTION);
    await world.until('it is said', () => ready(world, PRODUCTION).startsWith('False ImagesLeft'), HOUR);
    expect(ready(world, PRODUCTION)).toMatch(
      /1 copies of this cluster are in it.*kubectl patch awsaccount 222233334444/,
    );
    world.delete('web');
    await world.until('the policy is gone', () => world.policy('web') === undefined, DAY);
    await world.until('the account is gone', () => accountOf(world, PRODUCTION) === undefined, HOUR);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
  });

  it('in which nothing was ever made goes at once', async () => {
    const world = begin([policy({ accounts: undefined, sharing: undefined })]);
    world.launch();
    await world.untilReady('web');
    world.deleteAccount(PRODUCTION);
    expect(accountOf(world, PRODUCTION)).toBeUndefined();
  });
});

describe('accountSelector', () => {
  const selecting = {
    accounts: undefined,
    sharing: undefined,
    accountSelector: { matchLabels: { tier: 'prod' } },
    regions: [{ name: 'eu-west-1' }],
  };

  it('makes copies in an account that gets the label, and leaves them as they are when it loses it', async () => {
    const world = begin([policy({ ...selecting, retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } })]);
    world.launch();
    await world.untilReady('web');
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
    world.apply(labelled(PRODUCTION, { tier: 'prod' }));
    await world.until('it has a copy', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-3', HOUR);
    await world.untilReady('web');
    world.apply(labelled(PRODUCTION, { tier: 'dev' }));
    world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
    await world.until(
      'the release takes the place at home',
      () =>
        copiesIn(world, BUILDERS, 'eu-west-1')
          .map(({ name }) => name)
          .join() === 'web-4',
      2 * HOUR,
    );
    await world.rest(DAY);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')[0]?.tags['amifleet.io/surplus-since']).toBeUndefined();
    await world.untilReady('web');
    await expectRest(world);
  });
});

describe('the annotation abandon', () => {
  it('lets a policy go whose account cannot be reached any more', async () => {
    const world = begin([policy({ sharing: undefined, ...DELETE })], {
      seed: seedOf({ copySeconds: [5, 10] }),
    });
    world.launch();
    await world.untilReady('web');
    world.apply(account(PRODUCTION, { externalId: 'somebody-changed-it' }));
    world.delete('web');
    await world.rest(HOUR);
    expect(world.policy('web')).toBeDefined();
    expect(saying(world, 'web', 'Ready')).toContain(`amifleet.io/abandon=${PRODUCTION}/eu-west-1`);
    world.patch('web', { metadata: { annotations: { 'amifleet.io/abandon': PRODUCTION } } });
    await world.until('it is gone', () => world.policy('web') === undefined, DAY);
    expect(copiesIn(world, BUILDERS, 'eu-west-1')).toEqual([]);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
  });

  it('takes a target out of a policy that lives on', async () => {
    const world = begin([policy({ sharing: undefined })], {
      accounts: [account(BUILDERS), account(PRODUCTION, { externalId: 'wrong' })],
    });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    world.patch('web', { metadata: { annotations: { 'amifleet.io/abandon': PRODUCTION } } });
    await world.untilReady('web');
    expect(blockedIn(world, 'web')).toEqual([expect.stringMatching(/^Abandoned 222233334444/)]);
    await world.rest(15 * MINUTE);
    await expectRest(world);
  });
});
