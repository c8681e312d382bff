import { describe, expect, it } from 'vitest';
import type { Answer, Key } from '../../src/policy/model.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import {
  AWAY,
  AWAY_EU,
  ami,
  codes,
  daysAgo,
  EU,
  HOME,
  ids,
  kinds,
  NOW,
  PARTNER,
  SOURCE,
  spec,
  World,
} from './world.ts';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111';
const OTHER_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/22222222-2222-2222-2222-222222222222';
const MANAGED = 'arn:aws:kms:eu-west-1:111122223333:key/33333333-3333-3333-3333-333333333333';
const usable = (arn: string, managedByAws = false): Answer<Key> => ({
  ok: true,
  value: { kind: 'usable', arn, managedByAws },
});
const encrypted = (more: object = {}) =>
  spec({ regions: ['us-east-1', { name: 'eu-west-1', kmsKeyId: 'alias/ami' }], ...more });

function keyed(answer = usable(KEY)): World {
  const world = new World(AWAY_EU);
  world.source(1);
  world.place(EU).keys.set('alias/ami', answer);
  return world;
}

/** Puts the snapshots of an image under a key. */
function under(world: World, id: string, kmsKeyId: string): void {
  const image = world.image(EU, id);
  for (const { snapshotId } of image?.volumes ?? []) {
    const snapshot = world.place(EU).snapshots.get(snapshotId ?? '');
    if (snapshot) world.place(EU).snapshots.set(snapshot.id, { ...snapshot, encrypted: true, kmsKeyId });
  }
  world.change(EU, id, { volumes: (image?.volumes ?? []).map((volume) => ({ ...volume, encrypted: true })) });
}

const copies = (plan: Plan) => plan.actions.flatMap(({ call }) => (call.do === 'copy' ? [call] : []));

describe('the key of a region', () => {
  it('is asked for before the first copy, and nothing is copied before it is known', () => {
    const world = keyed();
    world.place(EU).keys.clear();
    const plan = world.plan(encrypted());
    expect(plan.needs).toContainEqual({ kind: 'key', target: EU, key: 'alias/ami' });
    expect(plan.actions).toEqual([]);
  });

  it('goes into the copy by its ARN, and into its token', () => {
    const [copy] = copies(keyed().plan(encrypted()));
    expect(copy?.kmsKeyId).toBe(KEY);
    const [other] = copies(keyed(usable(OTHER_KEY)).plan(encrypted()));
    expect(other?.token).not.toBe(copy?.token);
    const [plain] = copies(keyed().plan(spec()));
    expect(plain?.kmsKeyId).toBeUndefined();
    expect(plain?.token).not.toBe(copy?.token);
  });

  it.each<[string, Answer<Key>, string, RegExp]>([
    [
      'is not there',
      { ok: true, value: { kind: 'missing' } },
      'KeyNotFound',
      /there is no key alias\/ami in 111122223333\/eu-west-1/,
    ],
    [
      'is disabled',
      { ok: true, value: { kind: 'unusable', arn: KEY, why: 'its state is Disabled' } },
      'KeyNotUsable',
      /its state is Disabled\. Enable it/,
    ],
    ['cannot be looked at now', { ok: false, why: 'KMS is down' }, 'KeyUnknown', /KMS is down/],
  ])('that %s stops every copy there before it starts, and says the way out', (_, answer, code, message) => {
    const plan = keyed(answer).plan(encrypted());
    expect(copies(plan)).toEqual([]);
    expect(codes(plan)).toEqual([code]);
    expect(plan.blocked[0]?.message).toMatch(message);
  });

  it('that nobody lets us look at is used by its name all the same', () => {
    const plan = keyed({ ok: true, value: { kind: 'denied', why: 'no' } }).plan(encrypted());
    const [copy] = copies(plan);
    expect(plan.blocked).toMatchObject([{ code: 'KeyNotShown', effect: 'keeps', subject: 'alias/ami' }]);
    expect(copy?.kmsKeyId).toBe('alias/ami');
  });

  it('of another account is resolved there, and the regions of the policy are the default', () => {
    const world = keyed();
    const there = 'arn:aws:kms:eu-west-1:222233334444:key/44444444-4444-4444-4444-444444444444';
    world.place(AWAY_EU).keys.set('alias/ami', usable(there));
    world.grant(SOURCE, ami(1), { accounts: [AWAY] });
    world
      .place(SOURCE)
      .volume.set(world.image(SOURCE, ami(1))?.volumes[0]?.snapshotId ?? '', { ok: true, value: [AWAY] });
    const plan = world.plan(
      encrypted({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }] }] }),
    );
    expect(copies(plan).map(({ kmsKeyId }) => kmsKeyId)).toEqual([KEY, there]);
  });
});

describe('a copy under another key than the policy asks for', () => {
  const due = (more: object = {}): { world: World; old: string } => {
    const world = keyed();
    const old = world.copy(1, EU, more);
    under(world, old, OTHER_KEY);
    return { world, old };
  };
  const policy = encrypted({ retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } });

  it('is copied again under the right one, and stays until that is ready', () => {
    const { world, old } = due();
    const plan = world.plan(policy);
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(plan.actions[0]?.reason).toBe(`${old} is under another key than the policy asks for`);
    world.copy(1, EU, { state: 'pending' });
    expect(world.plan(policy).actions).toEqual([]);
  });

  it('is surplus once its replacement is ready, which its mark names', () => {
    const { world, old } = due();
    const fresh = world.copy(1, EU);
    under(world, fresh, KEY);
    const plan = world.plan(policy);
    expect(plan.actions).toMatchObject([
      { kind: 'MarkSurplus', call: { resources: [old], tags: { [TAG.replacedBy]: fresh } } },
    ]);
  });

  it('leaves by the usual way, and the version counts as ready all the time', () => {
    const { world, old } = due({ tags: { [TAG.surplusSince]: isoTime(daysAgo(1)) } });
    const fresh = world.copy(1, EU);
    under(world, fresh, KEY);
    expect(ids(world.plan(policy))).toContain(`deregister ${old}`);
  });

  it('stays where the policy has no retention, and that is said', () => {
    const { world } = due();
    under(world, world.copy(1, EU), KEY);
    const plan = world.plan(encrypted());
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['ReplacedCopyStays']);
  });

  it('is replaced newest version first', () => {
    const world = keyed();
    world.source(2);
    for (const number of [1, 2]) under(world, world.copy(number, EU), OTHER_KEY);
    const plan = world.plan(encrypted({ source: { newest: 2 } }));
    expect(copies(plan).map(({ sourceImage }) => sourceImage)).toEqual([ami(2), ami(1)]);
  });

  it('that is not encrypted at all is replaced as well', () => {
    const world = keyed();
    world.copy(1, EU);
    expect(kinds(world.plan(encrypted()))).toEqual(['CopyImage']);
  });

  it('is left alone while the key cannot be compared', () => {
    const { world } = due();
    world.place(EU).keys.set('alias/ami', { ok: true, value: { kind: 'denied', why: 'no' } });
    expect(world.plan(encrypted()).actions).toEqual([]);
  });

  it('comes to rest when everything is carried out', () => {
    const { world } = due();
    const acting = new Acting(world);
    for (let round = 0; round < 6; round++) {
      acting.carryOut(world.plan(policy));
      acting.finishCopies();
      for (const image of world.place(EU).images.values())
        if (image.tags[TAG.surplusSince] === undefined) under(world, image.id, KEY);
      world.now += 60_000;
    }
    expect(world.plan(policy).actions).toEqual([]);
    expect(world.place(EU).images.size).toBe(1);
  });
});

describe('the source in its own region', () => {
  const policy = spec({ regions: [{ name: 'us-east-1', kmsKeyId: 'alias/ami' }] });
  const home = (): World => {
    const world = new World();
    world.source(1);
    world.place(SOURCE).keys.set('alias/ami', usable(KEY));
    return world;
  };

  it('is copied too when it is not encrypted as the policy asks', () => {
    const plan = home().plan(policy);
    expect(copies(plan)).toMatchObject([{ origin: { imageId: ami(1), ...SOURCE }, kmsKeyId: KEY }]);
  });

  it.each<[string, Answer<Key>, string]>([
    ['is not there', { ok: true, value: { kind: 'missing' } }, 'KeyNotFound'],
    ['cannot be looked at now', { ok: false, why: 'KMS is down' }, 'KeyUnknown'],
  ])('is neither the image nor copied while the key %s, and that is said', (_, answer, code) => {
    const world = home();
    world.place(SOURCE).keys.set('alias/ami', answer);
    const plan = world.plan(policy);
    expect([plan.actions, codes(plan)]).toEqual([[], [code]]);
  });

  it.each([
    ['is the image where it is encrypted', true, []],
    ['is copied where it is not', false, ['CopyImage']],
  ])('under a key that nobody lets us look at it %s', (_, isEncrypted, expected) => {
    const world = home();
    world.place(SOURCE).keys.set('alias/ami', { ok: true, value: { kind: 'denied', why: 'no' } });
    const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.change(SOURCE, ami(1), { volumes: [{ ...volume!, encrypted: isEncrypted }] });
    const plan = world.plan(policy);
    expect([kinds(plan), codes(plan), plan.needs]).toEqual([expected, ['KeyNotShown'], []]);
  });

  it('is not the image while nobody knows what it is encrypted with, and that is said', () => {
    const world = home();
    const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.change(SOURCE, ami(1), { volumes: [{ ...volume!, encrypted: true }] });
    world.place(SOURCE).snapshotKeys.set(volume?.snapshotId ?? '', { ok: false, why: 'AWS refused' });
    const plan = world.plan(policy);
    expect([plan.actions, plan.needs, codes(plan)]).toEqual([[], [], ['KeyUnknown']]);
    expect(plan.blocked[0]?.message).toMatch(/could not be found out: AWS refused/);
  });

  it('is the image when its snapshots are under that very key', () => {
    const world = home();
    const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.change(SOURCE, ami(1), { volumes: [{ ...volume!, encrypted: true }] });
    expect(world.plan(policy).needs).toContainEqual({
      kind: 'snapshotKey',
      target: SOURCE,
      snapshotId: volume?.snapshotId,
    });
    world.place(SOURCE).snapshotKeys.set(volume?.snapshotId ?? '', { ok: true, value: KEY });
    const plan = world.plan(policy);
    expect([plan.actions, plan.needs]).toEqual([[], []]);
  });
});

describe('what would end under the key that AWS manages', () => {
  const sharing = { sharing: { accounts: [PARTNER] } };
  const start = (): World => {
    const world = new World(AWAY_EU);
    world.source(1, { grants: { accounts: [PARTNER] } });
    world.claim(1);
    return world;
  };
  const encryptSource = (world: World): void => {
    const [volume] = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.change(SOURCE, ami(1), { volumes: [{ ...volume!, encrypted: true }] });
  };

  it.each<[string, (world: World) => void, RegExp]>([
    [
      'because the region encrypts by default',
      (world) => (world.place(EU).encryption = { ok: true, value: { byDefault: true, key: 'alias/aws/ebs' } }),
      /account 111122223333 encrypts by default in eu-west-1, with alias\/aws\/ebs, the key that AWS manages.*Set kmsKeyId of eu-west-1/,
    ],
    ['because an encrypted source crosses regions', encryptSource, /the policy names no key for eu-west-1/],
    [
      'because the default key of the region is that one by its ARN',
      (world) => {
        world.place(EU).encryption = { ok: true, value: { byDefault: true, key: MANAGED } };
        world.place(EU).keys.set(MANAGED, usable(MANAGED, true));
      },
      /with arn:aws:kms:eu-west-1:111122223333:key\/33333333.*the key that AWS manages/,
    ],
  ])('is not copied where it is to be shared: %s', (_, change, message) => {
    const world = start();
    change(world);
    const plan = world.plan(spec(sharing));
    expect(copies(plan)).toEqual([]);
    expect(codes(plan)).toEqual(['WouldBeUnshareable']);
    expect(plan.blocked[0]?.message).toMatch(message);
  });

  it('is copied where nobody is let in, and nothing is asked of the region then', () => {
    const world = start();
    world.place(EU).encryption = { ok: true, value: { byDefault: true, key: 'alias/aws/ebs' } };
    const plan = world.plan(spec());
    expect(copies(plan)).toHaveLength(1);
    expect(plan.needs.filter(({ kind }) => kind === 'encryption')).toEqual([]);
  });

  it('is copied where the default key is one of the account', () => {
    const world = start();
    world.place(EU).encryption = { ok: true, value: { byDefault: true, key: KEY } };
    world.place(EU).keys.set(KEY, usable(KEY));
    expect(copies(world.plan(spec(sharing)))).toHaveLength(1);
  });

  it('is copied where the defaults cannot be read: EC2 refuses to share it later, and says why', () => {
    const world = start();
    world.place(EU).encryption = { ok: false, why: 'AWS refused' };
    expect(copies(world.plan(spec(sharing)))).toHaveLength(1);
  });
});

it('peer complaint 13: a copy that failed over its key says which key, in which account, and what is missing', () => {
  const world = keyed();
  const failed = world.copy(1, EU, {
    state: 'failed',
    image: { createdAt: NOW, stateReason: 'Copy image failed with an internal error' },
  });
  const [snapshot] = [...world.place(EU).snapshots.values()];
  world
    .place(EU)
    .snapshots.set(snapshot!.id, { ...snapshot!, state: 'error', stateMessage: 'Given key ID is not accessible' });
  const plan = world.plan(encrypted());
  expect(codes(plan)).toEqual(['KeyNotAccessible']);
  expect(plan.blocked[0]?.message).toMatch(
    new RegExp(
      `copy ${failed} failed: Given key ID is not accessible .*Account ${HOME} must be able to use alias/ami in eu-west-1.*kms:CreateGrant`,
    ),
  );
});
