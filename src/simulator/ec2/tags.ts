import { type Call, DONE, type Operation, paged } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { ownImage } from './image-access.ts';
import { tagsOf } from './query.ts';
import { Refusal } from './refusal.ts';
import { ownSnapshot } from './snapshot-access.ts';
import { checkTagCount } from './tagging.ts';
import type { Tags } from './world.ts';

const MAX_RESOURCES = 1000;

export const createTags: Operation = {
  parameters: ['ResourceId', 'Tag', 'DryRun'],
  mutates: true,
  run(call) {
    const tags = tagsOf(call.query);
    if (Object.keys(tags).length === 0)
      throw new Refusal('MissingParameter', 'The request must contain the parameter Tag');
    const merged = (before: Tags): Tags => {
      const after = { ...before, ...tags };
      checkTagCount(after);
      return after;
    };
    // All or nothing: every resource is looked at before the first is written.
    const writes = resources(call).map((id) => write(call, id, merged));
    for (const carryOut of writes) carryOut();
    return DONE;
  },
};

export const deleteTags: Operation = {
  parameters: ['ResourceId', 'Tag', 'DryRun'],
  mutates: true,
  run(call) {
    const given = call.query.structures('Tag').map((tag) => ({ key: tag.required('Key'), value: tag.get('Value') }));
    // Without a tag in the request all of a resource's go; an empty value means just that value.
    const goes = (key: string, value: string): boolean =>
      given.length === 0 || given.some((tag) => tag.key === key && (tag.value === undefined || tag.value === value));
    const without = (before: Tags): Tags =>
      Object.fromEntries(Object.entries(before).filter(([key, value]) => key.startsWith('aws:') || !goes(key, value)));
    const writes = resources(call).map((id) => write(call, id, without));
    for (const carryOut of writes) carryOut();
    return DONE;
  },
};

function resources({ query }: Call): string[] {
  const ids = query.list('ResourceId');
  if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter resourceIdSet');
  if (ids.length > MAX_RESOURCES)
    throw new Refusal('ResourceCountExceeded', `At most ${MAX_RESOURCES} resources can be tagged in one request`);
  return [...new Set(ids)];
}

function write(call: Call, id: string, change: (before: Tags) => Tags): () => void {
  const { world, place } = call;
  if (id.startsWith('ami-')) {
    const binned = place.bin.get(id);
    // What lies in the Recycle Bin can still be tagged.
    if (binned) {
      const tags = change(binned.image.tags);
      return () => place.bin.set(id, { ...binned, image: { ...binned.image, tags } });
    }
    const image = ownImage(call, id);
    const tags = change(image.tags);
    return () => world.putImage({ ...image, tags });
  }
  if (id.startsWith('snap-')) {
    const snapshot = ownSnapshot(call, id);
    const tags = change(snapshot.tags);
    return () => world.putSnapshot({ ...snapshot, tags });
  }
  if (id.startsWith('i-')) {
    const index = place.instances.findIndex((instance) => instance.id === id);
    const instance = place.instances[index];
    if (!instance) throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    const tags = change(instance.tags);
    return () => {
      place.instances[index] = { ...instance, tags };
    };
  }
  throw new Refusal('InvalidID', `The ID '${id}' is not valid`);
}

interface Row {
  readonly resourceId: string;
  readonly resourceType: string;
  readonly key: string;
  readonly value: string;
  /** For the filter `tag:<key>`. */
  readonly tags: Tags;
}

const FILTERS: Filterable<Row> = {
  key: ({ key }) => [key],
  'resource-id': ({ resourceId }) => [resourceId],
  'resource-type': ({ resourceType }) => [resourceType],
  value: ({ value }) => [value],
};

export const describeTags: Operation = {
  parameters: ['Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const rows = new Map<string, Row>();
    const nameOf = ({ resourceId, key }: Row): string => `${resourceId} ${key}`;
    const add = (resourceId: string, resourceType: string, tags: Tags): void => {
      for (const [key, value] of Object.entries(tags)) {
        const row = { resourceId, resourceType, key, value, tags: { [key]: value } };
        rows.set(nameOf(row), row);
      }
    };
    const { place, world } = call;
    for (const id of place.images.keys()) {
      const image = world.seenImage(id);
      if (image && image.state !== 'deregistered') add(id, 'image', image.tags);
    }
    for (const id of place.snapshots.keys()) {
      const snapshot = world.seenSnapshot(id);
      if (snapshot && !snapshot.deleted) add(id, 'snapshot', snapshot.tags);
    }
    for (const { id, tags } of place.instances) add(id, 'instance', tags);
    const matches = filterOf(call.query, FILTERS);
    const { items, nextToken } = paged(
      call,
      { least: 5, most: 1000, above: 'refused' },
      () => [...rows.values()].filter(matches),
      nameOf,
      (id) => rows.get(id),
    );
    return {
      tagSet: items.map(({ resourceId, resourceType, key, value }) => ({ resourceId, resourceType, key, value })),
      nextToken,
    };
  },
};
