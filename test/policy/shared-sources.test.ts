import { describe, expect, it } from 'vitest';
import type { Answer, Image, SharedListing } from '../../src/policy/model.ts';
import { listingKey } from '../../src/policy/model.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { AWAY, AWAY_EU, ami, codes, daysAgo, EU, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const VENDOR = '777788889999';
const named: SharedListing = { owner: VENDOR, names: ['web-*'], ids: [] };
const shared = (more: Parameters<typeof spec>[0] = {}) =>
  spec({ ...more, source: { images: { names: ['web-*'], owner: VENDOR }, ...more.source } });

/** A world in which the vendor shares what was added as sources, and we own none of it. */
function vendorWorld(...numbers: number[]): World {
  const world = new World(AWAY_EU);
  for (const number of numbers) world.source(number);
  share(world, named, numbers);
  return world;
}

function share(world: World, listing: SharedListing, numbers: readonly number[]): void {
  const images = new Map<string, Image>();
  for (const number of numbers) {
    const id = ami(number);
    const image = world.image(SOURCE, id) ?? world.gone.get(id);
    if (image) images.set(id, image);
    if (world.image(SOURCE, id)) world.lose(number);
  }
  answer(world, listing, { ok: true, value: images });
}

const answer = (world: World, listing: SharedListing, given: Answer<ReadonlyMap<string, Image>>): unknown =>
  world.place(SOURCE).sharedImages.set(listingKey(listing), given);

describe('the images of another account', () => {
  it('are asked for by name, and nothing is done before they are known', () => {
    const plan = new World().plan(shared());
    expect(plan.needs).toEqual([{ kind: 'sharedImages', target: SOURCE, listing: named }]);
    expect([plan.actions, plan.blocked]).toEqual([[], []]);
  });

  it('are asked for by id where ids are listed', () => {
    const source = { images: { names: ['web-*'], ids: [ami(2), ami(1)], owner: VENDOR } };
    expect(new World().plan(shared({ source })).needs).toEqual([
      { kind: 'sharedImages', target: SOURCE, listing: { owner: VENDOR, names: [], ids: [ami(1), ami(2)] } },
    ]);
  });

  it('are never those of the source account itself', () => {
    const world = vendorWorld();
    world.source(7);
    const plan = world.plan(shared());
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['NoSourceImages']);
    expect(plan.blocked[0]?.message).toMatch(
      /no available image of account 777788889999 that account 111122223333 may launch in us-east-1 .*--owners 777788889999/,
    );
  });

  it('an owner that is the source account is the account itself', () => {
    const world = new World();
    world.source(1);
    const own = shared({ source: { images: { names: ['web-*'], owner: SOURCE.account } } });
    expect(world.plan(own).needs).toEqual([]);
    expect(kinds(world.plan(own))).toEqual(['CopyImage']);
  });

  it('that could not be listed stop every copy and every retirement, and it is said', () => {
    const world = vendorWorld(1);
    world.copy(1, EU, { tags: { [TAG.surplusSince]: isoTime(daysAgo(50)) } });
    answer(world, named, { ok: false, why: 'AWS refused' });
    const plan = world.plan(shared({ retention: { deleteAfterDays: 0 } }));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code: 'SourcesUnknown', part: 'source', effect: 'retries' }]);
  });
});

describe('a version of another account', () => {
  it('is copied into the source account first, in its own region, and the other targets wait for that', () => {
    const plan = vendorWorld(1).plan(shared({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }));
    expect(plan.actions).toMatchObject([
      {
        kind: 'CopyImage',
        target: SOURCE,
        call: {
          origin: { imageId: ami(1), account: VENDOR, region: 'us-east-1' },
          foreignOwner: VENDOR,
          tags: { [TAG.sourceAccount]: SOURCE.account, [TAG.sourceImage]: ami(1) },
        },
      },
    ]);
    expect(plan.waits.map(({ target }) => target)).toEqual([EU, AWAY_EU]);
    expect(plan.waits[0]?.message).toBe(
      'the source image belongs to account 777788889999; it is copied from the copy in 111122223333/us-east-1',
    );
    expect(plan.needs).toEqual([]);
  });

  it('is copied into the first region of the policy where that does not list the region of the source', () => {
    const plan = vendorWorld(1).plan(shared({ regions: ['eu-west-1', 'us-west-2'] }));
    expect(plan.actions.map(({ target }) => target)).toEqual([EU]);
  });

  it('is copied elsewhere where its first target cannot be written to', () => {
    const world = vendorWorld(1);
    world.place(SOURCE).keys.set('alias/none', { ok: true, value: { kind: 'missing' } });
    const plan = world.plan(shared({ regions: [{ name: 'us-east-1', kmsKeyId: 'alias/none' }, 'eu-west-1'] }));
    expect(plan.actions.map(({ target }) => target)).toEqual([EU]);
    expect(codes(plan)).toEqual(['KeyNotFound']);
  });

  it.each([
    ['in its first target', SOURCE, '111122223333/us-east-1'],
    ['in another target of the source account', EU, '111122223333/eu-west-1'],
  ])('waits for the copy that is under way %s', (_, at, where) => {
    const world = vendorWorld(1);
    const pending = world.copy(1, at, { state: 'pending' });
    const plan = world.plan(shared());
    expect(plan.actions).toEqual([]);
    expect(plan.waits.map(({ message }) => message)).toContain(
      `the source image belongs to account 777788889999; it is copied from ${pending} in ${where} once that is ready`,
    );
  });

  it('is copied everywhere else from the copy in the source account, which is the image there', () => {
    const world = vendorWorld(1);
    const first = world.copy(1, SOURCE);
    const plan = world.plan(
      shared({
        accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }],
        sharing: { accounts: [PARTNER] },
      }),
    );
    const copies = plan.actions.filter(({ kind }) => kind === 'CopyImage');
    expect(copies.map(({ target, call }) => [target, call.do === 'copy' && call.origin])).toEqual([
      [EU, { imageId: first, ...SOURCE }],
      [AWAY_EU, { imageId: first, ...SOURCE }],
    ]);
    expect(copies[0]?.reason).toBe(
      `wanted here and missing, from copy ${first} in 111122223333/us-east-1 because the source image belongs to account 777788889999`,
    );
    const changed = plan.actions.flatMap(({ call }) => ('imageId' in call ? [call.imageId] : []));
    expect(new Set(changed)).toEqual(new Set([first]));
    expect(kinds(plan)).toContain('Share');
    expect(kinds(plan)).not.toContain('ClaimSource');
  });

  it('outlives its source: its copies stay wanted, and fill what is missing', () => {
    const world = vendorWorld(1);
    const first = world.copy(1, SOURCE);
    share(world, named, []);
    const plan = world.plan(shared());
    expect(plan.actions).toMatchObject([{ kind: 'CopyImage', target: EU, call: { origin: { imageId: first } } }]);
  });

  it('that the selector does not take any more is withdrawn, for it is asked for by its id', () => {
    const world = vendorWorld(1, 2);
    world.copy(1, SOURCE);
    const narrowed = shared({ source: { images: { names: ['web-2'], owner: VENDOR } }, regions: ['us-east-1'] });
    const listing = { owner: VENDOR, names: ['web-2'], ids: [ami(1)] };
    expect(world.plan(narrowed).needs).toEqual([{ kind: 'sharedImages', target: SOURCE, listing }]);
    share(world, listing, [1, 2]);
    expect(kinds(world.plan(narrowed))).toEqual(['CopyImage', 'MarkWithdrawn']);
  });

  it('of AWS Marketplace cannot be copied at all', () => {
    const world = new World();
    world.source(1, { productCodes: ['abcd1234'] });
    share(world, named, [1]);
    const plan = world.plan(shared({ regions: ['us-east-1'] }));
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['MarketplaceImage']);
    expect(plan.blocked[0]?.message).toMatch(/Subscribe account 111122223333 to the product/);
  });

  it('that an older policy wants as well is left to that, by its own listing', () => {
    const world = vendorWorld(1);
    const rival = { owner: { ...OWNER, name: 'other', uid: 'uid-2' }, spec: shared(), createdAt: daysAgo(99) };
    expect(codes(world.plan(shared({ regions: ['us-east-1'] }), { rivals: [rival] }))).toEqual(['OwnershipConflict']);
    const narrow = { ...rival, spec: shared({ source: { images: { names: ['web-9'], owner: VENDOR } } }) };
    const plan = world.plan(shared({ regions: ['us-east-1'] }), { rivals: [narrow] });
    expect(plan.needs).toEqual([
      { kind: 'sharedImages', target: SOURCE, listing: { owner: VENDOR, names: ['web-9'], ids: [] } },
    ]);
    const own = { ...rival, spec: spec() };
    expect(kinds(world.plan(shared({ regions: ['us-east-1'] }), { rivals: [own] }))).toEqual(['CopyImage']);
  });
});
