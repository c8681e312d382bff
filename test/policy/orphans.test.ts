import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../src/policy/model.ts';
import { type Orphan, orphansAmong, straysIn } from '../../src/policy/orphans.ts';
import { TAG } from '../../src/policy/tags.ts';
import { ami, copiedSnapshot, EU, NOW, OWNER, World } from './world.ts';

const MINUTE = 60_000;
const SNAP = 'snap-000000000000000aa';
const DEAD = ami(0xdead);

interface Scene {
  readonly world: World;
  readonly failed: string;
}

/** A snapshot whose image is gone, and a copy that failed. */
function scene(): Scene {
  const world = new World();
  world.source(1);
  const copy = world.copy(1, EU);
  const failed = world.copy(1, EU, { state: 'failed', image: { createdAt: NOW - 60 * MINUTE } });
  world
    .place(EU)
    .snapshots.set(SNAP, copiedSnapshot(SNAP, { ...world.image(EU, copy)!, id: DEAD }, 'completed', NOW - 60 * MINUTE));
  return { world, failed };
}

function orphansOf({ world }: Scene, known: { uids?: readonly string[]; cluster?: string } = {}): Orphan[] {
  const view = world.views().get('111122223333/eu-west-1');
  const inventory = (view?.kind === 'observed' ? view.inventory : undefined) as Inventory;
  return orphansAmong(straysIn(EU, inventory), {
    cluster: known.cluster ?? OWNER.cluster,
    livePolicies: new Set(known.uids),
    now: NOW,
  });
}

describe('what is left over by a policy that is gone', () => {
  it('is listed, with its policy, the reason and the way out', () => {
    const all = scene();
    expect(orphansOf(all)).toEqual([
      {
        id: all.failed,
        target: EU,
        policy: 'platform/web',
        why: `it failed, and so is policy platform/web. Delete it yourself (aws ec2 deregister-image --image-id ${all.failed} --region eu-west-1), or tag it amifleet.io/hold to keep it`,
      },
      {
        id: SNAP,
        target: EU,
        policy: 'platform/web',
        why: `its image ${DEAD} is gone, and so is policy platform/web. Delete it yourself (aws ec2 delete-snapshot --snapshot-id ${SNAP} --region eu-west-1), or tag it amifleet.io/hold to keep it`,
      },
    ]);
  });

  it('is known by its mark as well', () => {
    const all = scene();
    all.world.place(EU).snapshots.set(SNAP, { ...all.world.place(EU).snapshots.get(SNAP)!, description: 'by hand' });
    all.world.retag(EU, SNAP, { [TAG.deleting]: `${DEAD} 2026-06-30T11:00:00.000Z` });
    expect(orphansOf(all).map(({ why }) => why)[1]).toMatch(new RegExp(`^its image ${DEAD} is gone`));
  });

  it.each<[string, (world: World) => void]>([
    ['it was kept on purpose', (world) => world.retag(EU, SNAP, { [TAG.kept]: DEAD })],
    ['somebody holds it', (world) => world.retag(EU, SNAP, { [TAG.hold]: 'audit' })],
    [
      'an image uses it',
      (world) =>
        world.put(EU, {
          ...world.image(EU, [...world.place(EU).images.keys()][0]!)!,
          id: ami(7),
          volumes: [{ snapshotId: SNAP, sizeGiB: 8, encrypted: false }],
        }),
    ],
    [
      'its image is listed',
      (world) => world.put(EU, { ...world.image(EU, [...world.place(EU).images.keys()][0]!)!, id: DEAD }),
    ],
    ['it carries no identity', (world) => world.retag(EU, SNAP, {}, [TAG.policyUid])],
    ['it is of another cluster', (world) => world.retag(EU, SNAP, { [TAG.cluster]: 'cluster-2' })],
    [
      'its image may only be invisible',
      (world) =>
        world.place(EU).snapshots.set(SNAP, { ...world.place(EU).snapshots.get(SNAP)!, startedAt: NOW - 10 * MINUTE }),
    ],
  ])('is not listed where %s', (_, change) => {
    const all = scene();
    change(all.world);
    expect(orphansOf(all).map(({ id }) => id)).toEqual([all.failed]);
  });
});

describe('what is left over by a policy that is there', () => {
  it('is its own to clean up', () => {
    expect(orphansOf(scene(), { uids: [OWNER.uid] })).toEqual([]);
  });

  it('is listed where nothing tells which image it belongs to', () => {
    const all = scene();
    all.world.place(EU).snapshots.set(SNAP, { ...all.world.place(EU).snapshots.get(SNAP)!, description: 'by hand' });
    expect(orphansOf(all, { uids: [OWNER.uid] })).toMatchObject([
      {
        id: SNAP,
        why: expect.stringMatching(/^no image uses it, and nothing tells which one it was made for\. Delete/),
      },
    ]);
  });
});
