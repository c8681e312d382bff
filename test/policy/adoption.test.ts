import { describe, expect, it } from 'vitest';
import type { Answer, Image } from '../../src/policy/model.ts';
import { parameterDescription } from '../../src/policy/parameter-ownership.ts';
import { TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { ami, codes, daysAgo, EU, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111';
const OTHER_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/22222222-2222-2222-2222-222222222222';
const MATCHING = { adoption: 'Matching' } as const;
const matching = (more: object = {}) => spec({ ...MATCHING, ...more });
const keyed = (more: object = {}) =>
  matching({ regions: ['us-east-1', { name: 'eu-west-1', kmsKeyId: KEY }], ...more });

/** What somebody made of web-1 in eu-west-1. */
const theirs = (number: number, change: Partial<Image> = {}): Image => ({
  id: ami(0x500 + number),
  name: `copied-by-hand-${number}`,
  description: '',
  state: 'available',
  createdAt: daysAgo(50 - number),
  architecture: 'x86_64',
  tags: { Owner: 'somebody' },
  volumes: [{ snapshotId: `snap-${number}`, sizeGiB: 8, encrypted: false }],
  protection: 'disabled',
  madeFrom: ami(1),
  ...change,
});

function worldWith(...found: readonly Image[]): World {
  const world = new World();
  world.source(1);
  world.place(EU).madeFrom.set(ami(1), { ok: true, value: found });
  return world;
}

const encryptedUnder = (world: World, kmsKeyId: Answer<string> | undefined): World => {
  world.place(EU).keys.set(KEY, { ok: true, value: { kind: 'usable', arn: KEY, managedByAws: false } });
  if (kmsKeyId) world.place(EU).snapshotKeys.set('snap-1', kmsKeyId);
  return world;
};
const ENCRYPTED = { volumes: [{ snapshotId: 'snap-1', sizeGiB: 8, encrypted: true }] };

describe('a copy that somebody else made', () => {
  it('is taken over in place of a new one, with its snapshots, and is then a copy like any other', () => {
    const world = worldWith(theirs(1));
    const plan = world.plan(matching());
    expect(plan.actions).toMatchObject([
      {
        kind: 'Adopt',
        target: EU,
        reason: expect.stringContaining('copied-by-hand-1'),
        call: {
          imageId: ami(0x501),
          snapshots: ['snap-1'],
          tags: { app: 'web', [TAG.policyUid]: OWNER.uid, [TAG.sourceImage]: ami(1), [TAG.origin]: ami(1) },
        },
      },
    ]);
    new Acting(world).carryOut(plan);
    expect(world.image(EU, ami(0x501))?.tags).toMatchObject({ Owner: 'somebody', [TAG.policy]: 'platform/web' });
    const after = world.plan(matching());
    expect([after.actions, after.waits, after.blocked]).toEqual([[], [], []]);
    // It is retired by the same rules, too.
    world.source(2);
    world.copy(2, EU);
    expect(kinds(world.plan(matching({ retention: { keepNewest: 1, deleteAfterDays: 3 } })))).toEqual(['MarkSurplus']);
  });

  it('is left alone without adoption', () => {
    expect(kinds(worldWith(theirs(1)).plan(spec()))).toEqual(['CopyImage']);
  });

  it('is asked for with all others of a target in one question, and nothing is copied before the answer', () => {
    const world = new World();
    world.source(1);
    world.source(2);
    const plan = world.plan(matching({ source: { newest: 2 } }));
    expect(plan.needs.filter(({ kind }) => kind === 'madeFrom')).toEqual([
      { kind: 'madeFrom', target: EU, sourceIds: [ami(1), ami(2)] },
    ]);
    expect(plan.actions).toEqual([]);
  });

  it('is not asked for where the version is there', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    expect(world.plan(matching()).needs).toEqual([]);
  });

  it('that cannot be looked for keeps from copying, and it is said why', () => {
    const world = worldWith();
    world.place(EU).madeFrom.set(ami(1), { ok: false, why: 'AWS refused' });
    const plan = world.plan(matching());
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code: 'AdoptionUnknown', target: EU, effect: 'retries' }]);
  });

  it('is the oldest that serves where there are several', () => {
    const world = worldWith(theirs(3), theirs(2), theirs(1, { state: 'disabled' }));
    expect(world.plan(matching()).actions).toMatchObject([{ kind: 'Adopt', call: { imageId: ami(0x502) } }]);
  });

  it.each<[string, Partial<Image>, readonly string[]]>([
    ['is not ready', { state: 'pending' }, []],
    ['has failed', { state: 'failed' }, []],
    ['is of another source, by the record of EC2', { madeFrom: ami(7) }, []],
    ['has no record of what it was made from', { madeFrom: undefined as never }, []],
    ['is for another architecture', { architecture: 'arm64' }, []],
    ['is claimed as a source of a policy', { tags: { [TAG.claimedBy]: 'platform/other c uid-2' } }, []],
    [
      'belongs to another policy',
      {
        tags: {
          [TAG.policyUid]: 'uid-2',
          [TAG.cluster]: 'c',
          [TAG.policy]: 'platform/other',
          [TAG.sourceImage]: ami(1),
        },
      },
      [],
    ],
    ['is managed by Image Builder', { tags: { CreatedBy: 'EC2 Image Builder' } }, ['ManagedByOther']],
    [
      'is managed by AWS Backup',
      { description: 'This image is created by the AWS Backup service.' },
      ['ManagedByOther'],
    ],
    [
      'has no room for our tags',
      { tags: Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`tag-${index}`, ''])) },
      ['TooManyTags'],
    ],
  ])('and that %s is not taken over: a copy is made', (_, change, said) => {
    const plan = worldWith(theirs(1, change)).plan(matching());
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(codes(plan)).toEqual(said);
    expect(plan.blocked.every(({ effect }) => effect === 'keeps')).toBe(true);
  });

  it('and that is itself a source image of the policy is not taken over', () => {
    const world = new World();
    world.source(1);
    world.source(2, { madeFrom: ami(1) });
    const policy = matching({ source: { newest: 2 }, regions: [{ name: 'us-east-1', kmsKeyId: KEY }] });
    world.place(SOURCE).keys.set(KEY, { ok: true, value: { kind: 'usable', arn: KEY, managedByAws: false } });
    const source = world.image(SOURCE, ami(2))!;
    world
      .place(SOURCE)
      .madeFrom.set(ami(1), { ok: true, value: [source] })
      .set(ami(2), { ok: true, value: [] });
    expect(kinds(world.plan(policy))).toEqual(['CopyImage', 'CopyImage']);
  });

  it('under the key that is asked for is taken over; under another, or one that is not known, it is not', () => {
    const found = theirs(1, ENCRYPTED);
    const kindsUnder = (key: Answer<string>) => kinds(encryptedUnder(worldWith(found), key).plan(keyed()));
    expect(kindsUnder({ ok: true, value: KEY })).toEqual(['Adopt']);
    expect(kindsUnder({ ok: true, value: OTHER_KEY })).toEqual(['CopyImage']);
    expect(kindsUnder({ ok: false, why: 'AWS refused' })).toEqual(['CopyImage']);
    expect(kinds(encryptedUnder(worldWith(theirs(1)), undefined).plan(keyed()))).toEqual(['CopyImage']);
    const plan = encryptedUnder(worldWith(found), undefined).plan(keyed());
    expect([plan.actions, plan.needs]).toEqual([[], [{ kind: 'snapshotKey', target: EU, snapshotId: 'snap-1' }]]);
  });

  it('under the key that AWS manages is not taken over where it must be shared', () => {
    const world = worldWith(theirs(1, ENCRYPTED));
    world.place(EU).snapshotKeys.set('snap-1', { ok: true, value: KEY });
    world.place(EU).keys.set(KEY, { ok: true, value: { kind: 'usable', arn: KEY, managedByAws: true } });
    const shared = matching({ sharing: { accounts: [PARTNER] } });
    expect(kinds(world.plan(shared))).toContain('CopyImage');
    expect(kinds(world.plan(matching()))).toEqual(['Adopt']);
  });
});

describe('a parameter that somebody else wrote', () => {
  const NAME = '/ami/x86_64';
  const publishing = (more: object = {}) => spec({ publish: { ssmParameter: '/ami/{architecture}' }, ...more });
  function world(description: Answer<string | undefined> | undefined): World {
    const made = new World();
    made.source(1);
    const copy = made.copy(1, EU);
    made.place(SOURCE).parameters.set(NAME, { ok: true, value: { value: ami(1), version: 1 } });
    made.place(SOURCE).ownParameters = [{ name: NAME, description: parameterDescription(OWNER) }];
    made.place(EU).parameters.set(NAME, { ok: true, value: { value: copy, version: 3 } });
    if (description) made.place(EU).descriptions.set(NAME, description);
    return made;
  }

  it('is taken over with adoption, also where it has the right value already, and is then at rest', () => {
    const made = world({ ok: true, value: 'by hand' });
    const plan = made.plan(publishing(MATCHING));
    expect(plan.actions).toMatchObject([{ kind: 'PublishImage', call: { instead: 3, adopts: 'by hand' } }]);
    new Acting(made).carryOut(plan);
    expect(made.plan(publishing(MATCHING)).actions).toEqual([]);
  });

  it('is not taken over without', () => {
    expect(codes(world({ ok: true, value: 'by hand' }).plan(publishing()))).toEqual(['ParameterForeign']);
  });

  it('is asked about first', () => {
    const plan = world(undefined).plan(publishing(MATCHING));
    expect([plan.actions, plan.needs]).toEqual([[], [{ kind: 'description', target: EU, name: NAME }]]);
  });

  it('is left alone where another policy wrote it, which is named, and where that is not known', () => {
    const other = parameterDescription({ ...OWNER, name: 'other', uid: 'uid-2', cluster: 'cluster-2' });
    const plan = world({ ok: true, value: other }).plan(publishing(MATCHING));
    expect(plan.blocked).toMatchObject([
      { code: 'ParameterForeign', message: expect.stringContaining('platform/other'), effect: 'stalls' },
    ]);
    const unknown = world({ ok: false, why: 'AWS refused' }).plan(publishing(MATCHING));
    expect(unknown.blocked).toMatchObject([
      { code: 'ParameterUnknown', message: expect.stringContaining('AWS refused'), effect: 'retries' },
    ]);
    expect([...plan.actions, ...unknown.actions]).toEqual([]);
  });
});
