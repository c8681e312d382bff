import { CreateTagsCommand, DeleteTagsCommand, DescribeTagsCommand, type Tag } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OTHER, OWNER, refusal, useSimulated, worded } from './simulated.ts';

const sim = useSimulated();
const UNKNOWN = 'ami-0ffffffffffffffff';
const tagsOf = (id = IMAGE): Readonly<Record<string, string>> | undefined =>
  [...sim.world().images, ...sim.world().snapshots].find((each) => each.id === id)?.tags;
const snapshot = (): string => sim.world().snapshots[0]?.id ?? '';
const create = (Resources: string[], Tags: Tag[], account = OWNER): Promise<unknown> =>
  sim.ec2(account).send(new CreateTagsCommand({ Resources, Tags }));
const remove = (Tags: Tag[] | undefined, Resources = [IMAGE]): Promise<unknown> =>
  sim.ec2().send(new DeleteTagsCommand({ Resources, ...(Tags && { Tags }) }));

describe('tags', () => {
  it('are written on several resources, and an equal key replaces', async () => {
    await create(
      [IMAGE, snapshot()],
      [
        { Key: 'app', Value: 'db' },
        { Key: 'empty', Value: '' },
      ],
    );
    expect(tagsOf()).toEqual({ app: 'db', empty: '', release: 'stable' });
    expect(tagsOf(snapshot())).toEqual({ app: 'db', empty: '' });
  });

  it.each<[string, Tag[] | undefined, object]>([
    ['by their key', [{ Key: 'app' }], { release: 'stable' }],
    ['with the value they have', [{ Key: 'app', Value: 'web' }], { release: 'stable' }],
    ['not with another value', [{ Key: 'app', Value: 'db' }], { app: 'web', release: 'stable' }],
    ['not with an empty value', [{ Key: 'app', Value: '' }], { app: 'web', release: 'stable' }],
    ['all when none is named', undefined, {}],
  ])('are deleted: %s', async (_case, tags, expected) => {
    await remove(tags);
    expect(tagsOf()).toEqual(expected);
  });

  it('are at most fifty, and a write that brings more changes nothing', async () => {
    const many = (count: number): Tag[] => Array.from({ length: count }, (_, n) => ({ Key: `k${n}`, Value: 'v' }));
    await create([IMAGE], many(48));
    expect(await refusal(create([snapshot(), IMAGE], [{ Key: 'x', Value: 'y' }]))).toMatchObject({
      code: 'TagLimitExceeded',
      status: 400,
    });
    expect(tagsOf(snapshot())).toEqual({});
    await create([IMAGE], [{ Key: 'k0', Value: 'other' }]);
  });

  it.each<[string, string[], Tag[], string, RegExp]>([
    [
      'a reserved key',
      [IMAGE],
      [{ Key: 'aws:x', Value: '' }],
      'InvalidParameterValue',
      /^Tag keys starting with 'aws:' are reserved for internal use$/,
    ],
    [
      'a key given twice',
      [IMAGE],
      [
        { Key: 'a', Value: '1' },
        { Key: 'a', Value: '2' },
      ],
      'InvalidParameterValue',
      /^Duplicate tag key 'a' specified\.$/,
    ],
    ['a long key', [IMAGE], [{ Key: 'k'.repeat(129), Value: '' }], 'InvalidParameterValue', /128/],
    ['a long value', [IMAGE], [{ Key: 'k', Value: 'v'.repeat(257) }], 'InvalidParameterValue', /256/],
    ['no tag', [IMAGE], [], 'MissingParameter', /Tag/],
    ['no resource', [], [{ Key: 'a', Value: 'b' }], 'MissingParameter', /resource/],
    ['an unknown image', [IMAGE, UNKNOWN], [{ Key: 'a', Value: 'b' }], 'InvalidAMIID.NotFound', /does not exist/],
    [
      'an unknown snapshot',
      ['snap-0ffffffffffffffff'],
      [{ Key: 'a', Value: 'b' }],
      'InvalidSnapshot.NotFound',
      /does not exist/,
    ],
    ['an id of nothing', ['x-1'], [{ Key: 'a', Value: 'b' }], 'InvalidID', /not valid/],
    [
      'too many resources',
      Array.from({ length: 1001 }, () => IMAGE),
      [{ Key: 'a', Value: 'b' }],
      'ResourceCountExceeded',
      /1000/,
    ],
  ])('are refused: %s', async (_case, resources, tags, code, message) => {
    expect(await refusal(create(resources, tags))).toEqual({ code, status: 400, message: worded(message) });
    expect(tagsOf()).toEqual({ app: 'web', release: 'stable' });
  });

  it('of others are not written', async () => {
    expect(await refusal(create([IMAGE], [{ Key: 'a', Value: 'b' }], OTHER))).toMatchObject({
      code: 'InvalidAMIID.NotFound',
    });
  });

  it('are listed by resource, key and value', async () => {
    await create([snapshot()], [{ Key: 'app', Value: 'db' }]);
    const list = async (...filters: (readonly [string, string])[]): Promise<unknown> => {
      const Filters = filters.map(([Name, value]) => ({ Name, Values: [value] }));
      const { Tags = [] } = await sim.ec2().send(new DescribeTagsCommand({ Filters }));
      return Tags.map(({ ResourceType, Key, Value }) => `${ResourceType} ${Key}=${Value}`).sort();
    };
    expect(await list()).toEqual(['image app=web', 'image release=stable', 'snapshot app=db']);
    expect(await list(['resource-type', 'image'], ['key', 'app'])).toEqual(['image app=web']);
    expect(await list(['resource-id', snapshot()])).toEqual(['snapshot app=db']);
    expect(await list(['tag:app', 'd*'])).toEqual(['snapshot app=db']);
    expect(await refusal(list(['name', 'x']))).toMatchObject({ code: 'InvalidParameterValue' });
  });
});
