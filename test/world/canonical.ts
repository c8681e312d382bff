import type { PolicyStatus } from '../../src/api/policy-status.ts';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';

type Tags = Readonly<Record<string, string>>;

/** Tags whose values are times or say how many attempts it took: two good runs may differ in them. */
const MASKED = new Set([
  'amifleet.io/surplus-since',
  'amifleet.io/withdrawn-since',
  'amifleet.io/source-created',
  'amifleet.io/policy-uid',
  'amifleet.io/claimed-by',
  'amifleet.io/attempt',
]);

/**
 * A world without what two runs of the same workload may differ in: ids and times. Images are told apart by their
 * place and name, snapshots by the image that they back. Whatever backs no image shows up as such.
 */
export function canonical({ images, snapshots }: WorldView): object {
  const live = images.filter(({ state }) => state !== 'deregistered');
  const nameOf = new Map(images.map((image) => [image.id, `${image.account}/${image.region} ${image.name}`] as const));
  const mask = (tags: Tags): Tags =>
    Object.fromEntries(
      Object.entries(tags)
        .map(([key, value]) => [key, MASKED.has(key) ? '…' : (nameOf.get(value) ?? value)] as const)
        .toSorted(([left], [right]) => (left < right ? -1 : 1)),
    );
  return {
    images: live
      .map(({ id, state, tags, permissions, volumes, description, protection }) => ({
        name: nameOf.get(id),
        state,
        description,
        protection,
        tags: mask(tags),
        permissions,
        volumes: volumes.length,
      }))
      .toSorted(byText),
    snapshots: snapshots
      .map(({ id, account, region, state, tags, permissions }) => {
        const image = live.find(({ volumes }) => volumes.some(({ snapshotId }) => snapshotId === id));
        return {
          of: image ? nameOf.get(image.id) : `nothing, in ${account}/${region}`,
          state,
          tags: mask(tags),
          permissions,
        };
      })
      .toSorted(byText),
  };
}

/** A status without ids and times. */
export function canonicalStatus(status: PolicyStatus | undefined): object {
  const text = JSON.stringify(status ?? {}, (key, value: unknown) =>
    key === 'lastTransitionTime' || key === 'since' || key === 'created' || key === 'deletions' ? undefined : value,
  );
  return JSON.parse(text.replaceAll(/(ami|snap)-[0-9a-f]{17}/g, '$1-…')) as object;
}

const byText = (left: object, right: object): number => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);
