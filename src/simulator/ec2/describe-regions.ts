import type { Operation } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { Refusal } from './refusal.ts';
import type { Tags } from './world.ts';

interface Row {
  readonly regionName: string;
  readonly regionEndpoint: string;
  readonly optInStatus: string;
}

const FILTERS: Filterable<Row & { readonly tags: Tags }> = {
  endpoint: ({ regionEndpoint }) => [regionEndpoint],
  'opt-in-status': ({ optInStatus }) => [optInStatus],
  'region-name': ({ regionName }) => [regionName],
};

export const describeRegions: Operation = {
  parameters: ['RegionName', 'AllRegions', 'Filter', 'DryRun'],
  mutates: false,
  run({ query, world, place }) {
    const names = new Set(query.list('RegionName'));
    const all = query.flag('AllRegions');
    const matches = filterOf(query, FILTERS);
    const known = world.regionsOf(place.account);
    for (const name of names) {
      if (!known.some((region) => region.name === name && (region.enabled || all)))
        throw new Refusal('InvalidParameterValue', `Invalid region name: ${name}`);
    }
    const rows = known
      .filter(({ name, enabled }) => (enabled || all) && (names.size === 0 || names.has(name)))
      .map(
        ({ name, optIn, enabled }): Row => ({
          regionName: name,
          regionEndpoint: `ec2.${name}.amazonaws.com`,
          optInStatus: enabled ? (optIn ? 'opted-in' : 'opt-in-not-required') : 'not-opted-in',
        }),
      );
    return { regionInfo: rows.filter((row) => matches({ ...row, tags: {} })).map((row) => ({ ...row })) };
  },
};
