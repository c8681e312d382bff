import { CopyImageCommand, CreateTagsCommand, DisableImageCommand } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { performCall } from '../../src/aws/calls.ts';
import type { OpenTarget } from '../../src/aws/inventories.ts';
import { TAG } from '../../src/policy/tags.ts';
import { FIRST_ATTEMPT } from '../../src/policy/token.ts';
import { action, IDENTITY } from './actions.ts';
import { AWAY, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const STOP = { signal: new AbortController().signal };
let aws: SimulatedAws;
let away: OpenTarget;
let imageId: string;

const theirs = () => aws.simulator.world().images.find(({ id }) => id === imageId);
const snapshotIds = (): string[] => (theirs()?.volumes ?? []).map(({ snapshotId }) => snapshotId);
const tag = (tags: Readonly<Record<string, string>>): Promise<unknown> =>
  away.ec2.send(
    new CreateTagsCommand({ Resources: [imageId], Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }),
  );
const adopt = (): Promise<unknown> =>
  performCall(
    action({
      do: 'adopt',
      imageId,
      snapshots: snapshotIds(),
      sourceImage: SOURCE,
      tags: IDENTITY,
      attempt: FIRST_ATTEMPT,
    }),
    away,
    STOP,
  );

/** Somebody has copied the source image by hand. */
beforeEach(async () => {
  aws = await simulatedAws();
  away = aws.open(AWAY);
  const { ImageId = '' } = await away.ec2.send(
    new CopyImageCommand({ SourceImageId: SOURCE, SourceRegion: 'us-east-1', Name: 'by-hand' }),
  );
  imageId = ImageId;
  aws.clock.advance(60_000);
  await away.inventory.observe(aws.clock.monotonic(), {});
});
afterEach(() => aws[Symbol.asyncDispose]());

describe('taking over what somebody else made', () => {
  it('writes the identity on image and snapshots in one request, and it counts as a copy at once', async () => {
    const before = aws.count('CreateTags');
    await adopt();
    expect(aws.count('CreateTags')).toBe(before + 1);
    expect(theirs()?.tags).toMatchObject(IDENTITY);
    const snapshots = aws.simulator.world().snapshots.filter(({ id }) => snapshotIds().includes(id));
    expect(snapshots).toHaveLength(1);
    for (const { tags } of snapshots) expect(tags).toMatchObject(IDENTITY);
    expect(away.inventory.view().images.get(imageId)).toMatchObject({ state: 'available', tags: IDENTITY });
    await away.inventory.observe(aws.clock.monotonic() + 1, {});
    expect(away.inventory.view().images.get(imageId)?.tags).toMatchObject(IDENTITY);
  });

  it('can be repeated', async () => {
    await adopt();
    await adopt();
    expect(theirs()?.tags).toMatchObject(IDENTITY);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['another policy has taken it', () => tag({ ...IDENTITY, [TAG.policyUid]: 'uid-2', [TAG.policy]: 'x/y' }), /x\/y/],
    ['it was claimed as a source', () => tag({ [TAG.claimedBy]: 'platform/other c uid-2' }), /claimed as a source/],
    ['another manager has marked it', () => tag({ CreatedBy: 'EC2 Image Builder' }), /EC2 Image Builder/],
    ['it was disabled', () => away.ec2.send(new DisableImageCommand({ ImageId: imageId })), /is disabled by now/],
  ])('is called off when %s in the meantime', async (_, meanwhile, why) => {
    await meanwhile();
    const tags = theirs()?.tags;
    await expect(adopt()).rejects.toThrow(why);
    expect(theirs()?.tags).toEqual(tags);
  });
});

it('what others made of several images is asked in one request', async () => {
  const before = aws.count('DescribeImages');
  await away.inventory.fetch({ kind: 'madeFrom', target: AWAY, sourceIds: [SOURCE, 'ami-0fffffffffffffff0'] }, {});
  expect(aws.count('DescribeImages')).toBe(before + 1);
  const { madeFrom } = away.inventory.view();
  expect(madeFrom.get(SOURCE)).toMatchObject({ ok: true, value: [{ id: imageId, madeFrom: SOURCE }] });
  expect(madeFrom.get('ami-0fffffffffffffff0')).toEqual({ ok: true, value: [] });
});
