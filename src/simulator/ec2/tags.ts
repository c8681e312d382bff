import { type Call, DONE, type Operation } from './call.ts';
import { ownImage } from './describe-images.ts';
import { filterOf } from './filters.ts';
import { tagsOf } from './query.ts';
import { Refusal } from './refusal.ts';
import { withTags } from './sim-world.ts';
import { ownSnapshot } from './snapshots.ts';

const MAX_RESOURCES = 1000;

export const createTags: Operation = {
  parameters: ['ResourceId', 'Tag', 'DryRun'],
  mutates: true,
  run(call) {
    const tags = tagsOf(call.query);
    if (Object.keys(tags).length === 0)
      throw new Refusal('MissingParameter', 'The request must contain the parameter Tag');
    // All or nothing: every resource is looked at before the first is written.
    const writes = resources(call).map((id) => write(call, id, (before) => withTags(before, tags)));
    for (const carryOut of writes) carryOut();
    return DONE;
  },
};

export const deleteTags: Operation = {
  parameters: ['ResourceId', 'Tag', 'DryRun'],
  mutates: true,
  run(call) {
    const given = call.query.structures('Tag').map((tag) => ({ key: tag.get('Key') ?? '', value: tag.get('Value') }));
    const without = (before: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
      Object.fromEntries(
        Object.entries(before).filter(
          ([key, value]) => !given.some((tag) => tag.key === key && (tag.value === undefined || tag.value === value)),
        ),
      );
    const writes = resources(call).map((id) => write(call, id, without));
    for (const carryOut of writes) carryOut();
    return DONE;
  },
};

function resources({ query }: Call): string[] {
  const ids = query.list('ResourceId');
  if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter ResourceIdSet');
  if (ids.length > MAX_RESOURCES)
    throw new Refusal('ResourceCountExceeded', `At most ${MAX_RESOURCES} resources can be tagged in one request`);
  return ids;
}

type Change = (before: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;

function write(call: Call, id: string, change: Change): () => void {
  if (id.startsWith('ami-')) {
    const image = ownImage(call, id);
    const tags = change(image.tags);
    return () => call.world.putImage({ ...image, tags });
  }
  if (id.startsWith('snap-')) {
    const snapshot = ownSnapshot(call, id);
    const tags = change(snapshot.tags);
    return () => call.world.putSnapshot({ ...snapshot, tags });
  }
  throw new Refusal('InvalidID', `The ID '${id}' is not valid`);
}

export const describeTags: Operation = {
  parameters: ['Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const matches = filterOf(call.query);
    const rows = new Map<
      string,
      { readonly resourceId: string; readonly resourceType: string; readonly key: string; readonly value: string }
    >();
    const add = (resourceId: string, resourceType: string, tags: Readonly<Record<string, string>>): void => {
      for (const [key, value] of Object.entries(tags)) {
        const row = { resourceId, resourceType, key, value };
        const known: Readonly<Record<string, string>> = {
          'resource-id': resourceId,
          'resource-type': resourceType,
          key,
          value,
        };
        if (matches((name) => (known[name] === undefined ? undefined : [known[name]])))
          rows.set(`${resourceId} ${key}`, row);
      }
    };
    for (const id of call.place.images.keys()) {
      const image = call.world.seenImage(id);
      if (image && image.state !== 'deregistered') add(id, 'image', image.tags);
    }
    for (const id of call.place.snapshots.keys()) {
      const snapshot = call.world.seenSnapshot(id);
      if (snapshot && !snapshot.deleted) add(id, 'snapshot', snapshot.tags);
    }
    const { ids, nextToken } = call.paging.page('DescribeTags', call.query, () => [...rows.keys()], [5, 1000]);
    return { tagSet: ids.flatMap((id) => rows.get(id) ?? []), nextToken };
  },
};
