import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/policy/plan.ts';
import { AWAY, AWAY_EU, ami, codes, EU, kinds, SOURCE, spec, World } from './world.ts';

const OWN = 'arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111';
const MANAGED = 'arn:aws:kms:us-east-1:111122223333:key/33333333-3333-3333-3333-333333333333';
const away = (more: object = {}) => spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }], ...more });
const into = (plan: Plan, account: string) =>
  plan.actions.flatMap(({ call, target }) => (call.do === 'copy' && target.account === account ? [call] : []));

/** A world whose source is encrypted with a key of its region. */
function under(arn: string, managedByAws: boolean): World {
  const world = new World(AWAY_EU);
  world.source(1);
  const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
  world.change(SOURCE, ami(1), { volumes: [{ ...volume!, encrypted: true }] });
  world.place(SOURCE).snapshotKeys.set(volume?.snapshotId ?? '', { ok: true, value: arn });
  world.place(SOURCE).keys.set(arn, { ok: true, value: { kind: 'usable', arn, managedByAws } });
  world.place(SOURCE).keys.set('alias/ami', { ok: true, value: { kind: 'usable', arn: OWN, managedByAws: false } });
  return world;
}

describe('a source under the key that AWS manages', () => {
  it('is asked for its key before anything is given to another account', () => {
    const world = under(MANAGED, true);
    const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.place(SOURCE).keys.delete(MANAGED);
    expect(world.plan(away()).needs).toEqual([{ kind: 'key', target: SOURCE, key: MANAGED }]);
    world.place(SOURCE).snapshotKeys.clear();
    const plan = world.plan(away());
    expect(plan.needs).toEqual([{ kind: 'snapshotKey', target: SOURCE, snapshotId: volume?.snapshotId }]);
    expect(kinds(plan)).toEqual(['CopyImage']);
  });

  it('is refused to other accounts where the policy names no key of its own, and goes on within its account', () => {
    const plan = under(MANAGED, true).plan(away());
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(plan.actions[0]?.target).toEqual(EU);
    expect(codes(plan)).toEqual(['OriginKeyNotShareable']);
    expect(plan.blocked[0]).toMatchObject({ target: AWAY_EU, effect: 'stalls' });
    expect(plan.blocked[0]?.message).toMatch(
      /encrypted with arn:.*33333333.*account 222233334444 cannot use\. Set kmsKeyId of us-east-1 in spec\.regions/,
    );
  });

  const keyed = away({ regions: [{ name: 'us-east-1', kmsKeyId: 'alias/ami' }] });

  it('is copied in the source account first, and waited for', () => {
    const plan = under(MANAGED, true).plan(keyed);
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(plan.actions[0]).toMatchObject({ target: SOURCE, call: { kmsKeyId: OWN } });
    expect(plan.waits.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/it is copied from the copy in 111122223333\/us-east-1 once that is ready/),
    );
    expect(plan.blocked).toEqual([]);
  });

  it('goes by way of any region of the source account that has a key of its own', () => {
    const world = under(MANAGED, true);
    const there = 'arn:aws:kms:eu-west-1:111122223333:key/44444444-4444-4444-4444-444444444444';
    const key = { ok: true, value: { kind: 'usable', arn: there, managedByAws: false } } as const;
    world.place(EU).keys.set('alias/ami', key);
    const plan = world.plan(away({ regions: ['us-east-1', { name: 'eu-west-1', kmsKeyId: 'alias/ami' }] }));
    expect(plan.actions).toMatchObject([{ kind: 'CopyImage', target: EU, call: { kmsKeyId: there } }]);
    expect(plan.waits[0]).toMatchObject({
      target: AWAY_EU,
      message: expect.stringContaining('111122223333/eu-west-1'),
    });
  });

  it('is refused where the only key of its own cannot be used, and both are said', () => {
    const world = under(MANAGED, true);
    world.place(SOURCE).keys.set('alias/ami', { ok: true, value: { kind: 'missing' } });
    const plan = world.plan(keyed);
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['KeyNotFound', 'OriginKeyNotShareable']);
  });

  it('is copied to the other account from that copy', () => {
    const world = under(MANAGED, true);
    const first = world.copy(1, SOURCE, {
      image: { volumes: [{ snapshotId: 'snap-1', sizeGiB: 8, encrypted: true }] },
    });
    world.place(SOURCE).snapshotKeys.set('snap-1', { ok: true, value: OWN });
    world.place(SOURCE).keys.set(OWN, { ok: true, value: { kind: 'usable', arn: OWN, managedByAws: false } });
    world.place(SOURCE).volume.set('snap-1', { ok: true, value: [] });
    const plan = world.plan(keyed);
    expect(into(plan, AWAY).map(({ origin }) => origin)).toEqual([{ imageId: first, ...SOURCE }]);
    expect(plan.actions.find(({ call }) => call.do === 'copy')?.reason).toBe(
      `wanted here and missing, from copy ${first} in 111122223333/us-east-1 because the source image is under the key that AWS manages`,
    );
    expect(kinds(plan)).not.toContain('ClaimSource');
  });

  it.each([
    ['a key of the account', OWN, false],
    ['a key of which nothing can be said', MANAGED, undefined],
  ])('%s is lent as ever', (_, arn, managed) => {
    const world = under(arn, managed ?? true);
    if (managed === undefined) world.place(SOURCE).keys.set(arn, { ok: false, why: 'KMS is down' });
    const plan = world.plan(away());
    expect(into(plan, AWAY)).toHaveLength(1);
    expect(plan.blocked).toEqual([]);
  });
});

it('a key of a target that cannot be seen is not asked for: there is no way to ask', () => {
  const world = new World(AWAY_EU);
  world.source(1);
  const id = world.copy(1, AWAY_EU);
  world.lose(1);
  const arn = 'arn:aws:kms:eu-west-1:222233334444:key/33333333-3333-3333-3333-333333333333';
  const [volume] = world.image(AWAY_EU, id)?.volumes ?? [];
  world.change(AWAY_EU, id, { volumes: [{ ...volume!, encrypted: true }] });
  world.place(AWAY_EU).snapshotKeys.set(volume?.snapshotId ?? '', { ok: true, value: arn });
  world.place(AWAY_EU).snapshots.delete(volume?.snapshotId ?? '');
  world.place(AWAY_EU).keys.set(arn, { ok: true, value: { kind: 'usable', arn, managedByAws: true } });
  world.hide(EU);
  const plan = world.plan(away({ regions: ['us-east-1', { name: 'eu-west-1', kmsKeyId: 'alias/ami' }] }));
  expect(plan.needs).toEqual([]);
});

describe('an image of AWS Marketplace', () => {
  const world = (): World => {
    const made = new World(AWAY_EU);
    made.source(1, { productCodes: ['abcd1234'] });
    return made;
  };

  it('is copied within its account, and refused to others before any call', () => {
    const plan = world().plan(away());
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(plan.actions[0]?.target).toEqual(EU);
    expect(codes(plan)).toEqual(['MarketplaceImage']);
    expect(plan.blocked[0]?.message).toMatch(
      /carries the AWS Marketplace product abcd1234.*List account 222233334444 in sharing\.accounts instead/,
    );
  });

  it('is refused from a copy of it as well', () => {
    const made = world();
    made.copy(1, EU);
    made.lose(1);
    expect(codes(made.plan(away({ regions: ['eu-west-1'] })))).toEqual(['MarketplaceImage']);
  });
});
