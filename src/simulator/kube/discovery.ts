import type { JsonObject } from './json-object.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';

/** The version that this server says it is. */
export const SERVER_VERSION: JsonObject = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0-amifleet-simulator',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'simulated',
};

const STATUS_VERBS = ['get', 'patch', 'update'];
/** Asked for in `Accept` by clients that can read all of discovery in one answer. */
const AGGREGATED = /g=apidiscovery\.k8s\.io;v=(v2(?:beta1)?);as=APIGroupDiscoveryList/;

/** The version of aggregated discovery that the client prefers, or undefined for the plain form. */
export const aggregatedVersion = (accept: string | undefined): string | undefined => AGGREGATED.exec(accept ?? '')?.[1];

/** `/api` */
export const coreVersions = (): JsonObject => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
});

const groupNames = (types: readonly ResourceType[]): readonly string[] =>
  [...new Set(types.map(({ group }) => group))].filter((group) => group !== '');

const versionsOf = (types: readonly ResourceType[], group: string): readonly string[] => [
  ...new Set(types.filter((type) => type.group === group).map(({ version }) => version)),
];

/** `/apis` */
export const groupList = (types: readonly ResourceType[]): JsonObject => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupNames(types).map((group) => groupEntry(types, group)),
});

/** `/apis/GROUP` */
export const groupDocument = (types: readonly ResourceType[], group: string): JsonObject => ({
  kind: 'APIGroup',
  apiVersion: 'v1',
  ...groupEntry(types, group),
});

function groupEntry(types: readonly ResourceType[], group: string): JsonObject {
  const versions = versionsOf(types, group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** `/apis/GROUP/VERSION` and `/api/v1` */
export function resourceList(types: readonly ResourceType[], group: string, version: string): JsonObject {
  const served = types.filter((type) => type.group === group && type.version === version);
  return {
    kind: 'APIResourceList',
    ...(group !== '' && { apiVersion: 'v1' }),
    groupVersion: apiVersionOf({ group, version }),
    resources: served.flatMap((type) => [
      {
        name: type.plural,
        singularName: type.singular,
        namespaced: type.namespaced,
        kind: type.kind,
        verbs: type.verbs,
        ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
        ...(type.categories.length > 0 && { categories: type.categories }),
      },
      ...(type.hasStatus
        ? [
            {
              name: `${type.plural}/status`,
              singularName: '',
              namespaced: type.namespaced,
              kind: type.kind,
              verbs: STATUS_VERBS,
            },
          ]
        : []),
    ]),
  };
}

/** All of discovery below `/api` or `/apis` at once. */
export function aggregatedDiscovery(types: readonly ResourceType[], root: 'api' | 'apis', version: string): JsonObject {
  const groups = root === 'api' ? [''] : groupNames(types);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versionsOf(types, group).map((groupVersion) => ({
        version: groupVersion,
        freshness: 'Current',
        resources: types
          .filter((type) => type.group === group && type.version === groupVersion)
          .map((type) => aggregatedResource(type)),
      })),
    })),
  };
}

function aggregatedResource(type: ResourceType): JsonObject {
  const responseKind = { group: type.group, version: type.version, kind: type.kind };
  return {
    resource: type.plural,
    responseKind,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: type.verbs,
    ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
    ...(type.categories.length > 0 && { categories: type.categories }),
    ...(type.hasStatus && { subresources: [{ subresource: 'status', responseKind, verbs: STATUS_VERBS }] }),
  };
}
