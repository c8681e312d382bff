import { expect, it } from 'vitest';
import { censusOf } from '../../src/aws/census.ts';
import type { Image, Snapshot, Tags } from '../../src/policy/model.ts';

const OURS: Tags = {
  'amifleet.io/policy': 'platform/web',
  'amifleet.io/policy-uid': 'u1',
  'amifleet.io/cluster': 'here',
  'amifleet.io/source-image': 'ami-1',
};
const image = (tags: Tags, state: Image['state'], createdAt = 0): Image => ({
  id: 'ami-2',
  name: 'web-1',
  description: '',
  state,
  createdAt,
  architecture: 'x86_64',
  tags,
  volumes: [],
  protection: 'disabled',
});
const snapshot = (tags: Tags, state: string, sizeGiB: number): Snapshot => ({
  id: 'snap-1',
  state,
  progress: 50,
  description: '',
  tags,
  sizeGiB,
  encrypted: false,
  startedAt: 0,
});

it('counts the copies of a cluster, and of those under way how many, how large and since when', () => {
  const images = [
    image(OURS, 'available'),
    image(OURS, 'pending', 2000),
    image(OURS, 'pending', 1000),
    image(OURS, 'deregistered'),
    image({ ...OURS, 'amifleet.io/cluster': 'elsewhere' }, 'pending', 1),
    image({ app: 'web' }, 'pending', 1),
  ];
  const snapshots = [
    snapshot(OURS, 'pending', 8),
    snapshot(OURS, 'pending', 20),
    snapshot(OURS, 'completed', 100),
    snapshot({}, 'pending', 100),
  ];
  expect(censusOf(images, snapshots, 'here')).toEqual({ images: 3, copying: 2, copyingGiB: 28, copyingSince: 1000 });
});

it('says of no time since which something is under way where nothing is', () => {
  expect(censusOf([image(OURS, 'available')], [], 'here')).toEqual({ images: 1, copying: 0, copyingGiB: 0 });
});
