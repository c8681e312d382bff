import type { Clock } from '../../ambient/clock.ts';
import { type Random, uuid } from '../../ambient/random.ts';
import { customResourceDefinitions } from '../../api/crd.ts';
import type { KubeDocument } from './document.ts';
import { timestamp } from './objects.ts';
import type { ResourceType } from './resource-type.ts';
import { NAME_COLUMN } from './table.ts';

/** The definitions of our kinds, to read: they are part of this server and cannot be changed in it. */
export const DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  listKind: 'CustomResourceDefinitionList',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  verbs: ['get', 'list', 'watch'],
  origin: 'builtin',
  hasStatus: true,
  schema: { type: 'object' },
  columns: [
    NAME_COLUMN,
    { name: 'Created At', type: 'string', cell: ({ metadata }) => metadata.creationTimestamp ?? '' },
  ],
  unconditionalUpdate: false,
  createOnUpdate: false,
  nameRule: 'subdomain',
  selectableFields: [],
  storage: 'customresourcedefinitions.apiextensions.k8s.io',
};

/** They are as they would be a moment after somebody applied them. */
export function storedDefinitions(clock: Clock, random: Random): readonly KubeDocument[] {
  const now = timestamp(clock);
  const condition = (type: string, reason: string, message: string): object => ({
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime: now,
  });
  return customResourceDefinitions().map((definition) => ({
    ...definition,
    metadata: { ...definition.metadata, uid: uuid(random), creationTimestamp: now, generation: 1 },
    spec: { ...definition.spec, conversion: { strategy: 'None' } },
    status: {
      acceptedNames: definition.spec.names,
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: definition.spec.versions.map(({ name }) => name),
    },
  }));
}
