import { describe, expect, it } from 'vitest';
import { NO_GRANTS } from '../../src/policy/model.ts';
import { codes, EU, ids, kinds, PARTNER, SOURCE, spec, World } from './world.ts';

const everyone = spec({ sharing: { public: true } });

/** A source and its copy, where everything that EC2 asks for is so. */
function open(): { world: World; copy: string } {
  const world = new World();
  world.source(1);
  world.claim(1);
  const copy = world.copy(1, EU);
  for (const target of [SOURCE, EU]) {
    world.place(target).allow = ['Public'];
    world.place(target).publicBlocked = { ok: true, value: false };
  }
  return { world, copy };
}

describe('sharing with everybody', () => {
  it('is a call of its own, beside which the lists are kept as they are', () => {
    const { world, copy } = open();
    const plan = world.plan(spec({ sharing: { public: true, accounts: [PARTNER] } }));
    expect(plan.actions.filter(({ kind }) => kind === 'MakePublic').map(({ call }) => call)).toEqual([
      { do: 'makePublic', imageId: expect.any(String) },
      { do: 'makePublic', imageId: copy },
    ]);
    const lists = plan.actions.flatMap(({ call }) => (call.do === 'modifyLaunch' ? [call.add.public] : []));
    expect(new Set(lists)).toEqual(new Set([false]));
  });

  it('that is so is at rest, and is taken back when it is no longer asked for', () => {
    const { world } = open();
    for (const target of [SOURCE, EU])
      for (const image of world.place(target).images.values())
        world.grant(target, image.id, { ...NO_GRANTS, public: true });
    expect(world.plan(everyone).actions).toEqual([]);
    expect(kinds(world.plan(spec({ sharing: {} })))).toEqual(['Unshare', 'Unshare']);
    expect(kinds(world.plan(spec({ sharing: { unlistedGrants: 'Keep' } })))).toEqual([]);
  });

  it.each<[string, (world: World, copy: string) => void, string, RegExp]>([
    [
      'the AwsAccount does not allow it',
      (world) => (world.place(EU).allow = ['RetireSources']),
      'PublicNotAllowed',
      /AwsAccount 111122223333 does not list Public/,
    ],
    [
      'its snapshots are encrypted',
      (world, copy) => world.change(EU, copy, { volumes: [{ sizeGiB: 8, encrypted: true }] }),
      'PublicEncrypted',
      /encrypted/,
    ],
    [
      'it has product codes',
      (world, copy) => world.change(EU, copy, { productCodes: ['abc'] }),
      'PublicProductCodes',
      /abc/,
    ],
    [
      'the region blocks it',
      (world) => (world.place(EU).publicBlocked = { ok: true, value: true }),
      'PublicBlocked',
      /aws ec2 disable-image-block-public-access --region eu-west-1/,
    ],
    [
      'that cannot be read',
      (world) => (world.place(EU).publicBlocked = { ok: false, why: 'AWS refused' }),
      'PublicBlockUnknown',
      /AWS refused/,
    ],
    [
      'the quota is used up',
      (world) => {
        for (let number = 90; number < 95; number++)
          world.put(EU, {
            ...world.image(SOURCE, world.source(number, { tags: {}, name: `other-${number}` }))!,
            public: true,
          });
      },
      'PublicQuota',
      /5 images of 111122223333\/eu-west-1 are.*--public-images/,
    ],
  ])('is refused before any call when %s, and said with what to do', (_, change, code, message) => {
    const { world, copy } = open();
    change(world, copy);
    const plan = world.plan(everyone);
    expect(ids(plan)).not.toContain(`make-public ${copy}`);
    expect(codes(plan)).toEqual([code]);
    expect(plan.blocked[0]).toMatchObject({ effect: 'stalls', message: expect.stringMatching(message) });
  });

  it('asks whether the region blocks it only where everything else is well', () => {
    const { world } = open();
    world.place(EU).publicBlocked = undefined;
    expect(world.plan(everyone).needs).toEqual([{ kind: 'publicBlocked', target: EU }]);
    world.place(EU).allow = [];
    expect(world.plan(everyone).needs).toEqual([]);
  });
});
