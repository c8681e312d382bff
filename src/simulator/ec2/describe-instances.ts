import { type Operation, paged, refuseIdsWithPages, tagSet } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { Refusal } from './refusal.ts';
import type { SimInstance } from './world.ts';

const reservationOf = ({ id }: SimInstance): string => `r-${id.slice(2)}`;

const FILTERS: Filterable<SimInstance & { readonly account: string }> = {
  'image-id': ({ imageId }) => [imageId],
  'instance-id': ({ id }) => [id],
  'instance-state-code': () => ['16'],
  'instance-state-name': () => ['running'],
  'owner-id': ({ account }) => [account],
  'reservation-id': (instance) => [reservationOf(instance)],
};

export const describeInstances: Operation = {
  parameters: ['InstanceId', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, place } = call;
    const wanted = query.list('InstanceId');
    refuseIdsWithPages(call, wanted, 'instancesSet');
    const byId = new Map(place.instances.map((instance) => [instance.id, instance]));
    for (const id of wanted) {
      if (!/^i-[0-9a-f]{8,17}$/.test(id))
        throw new Refusal('InvalidInstanceID.Malformed', `Invalid id: "${id}" (expecting "i-...")`);
      if (!byId.has(id)) throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    }
    const matches = filterOf(query, FILTERS);
    const { items, nextToken } = paged(
      call,
      { least: 5, most: 1000, above: 'cut' },
      () =>
        place.instances.filter(
          (instance) =>
            (wanted.length === 0 || wanted.includes(instance.id)) && matches({ ...instance, account: place.account }),
        ),
      ({ id }) => id,
      (id) => byId.get(id),
    );
    return {
      reservationSet: items.map((instance) => ({
        reservationId: reservationOf(instance),
        ownerId: place.account,
        groupSet: [],
        instancesSet: [
          {
            instanceId: instance.id,
            imageId: instance.imageId,
            instanceState: { code: 16, name: 'running' },
            tagSet: tagSet(instance.tags),
          },
        ],
      })),
      nextToken,
    };
  },
};
