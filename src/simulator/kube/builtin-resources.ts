import type { StructuralSchema } from '../../api/structural.ts';
import { EVENT_COLUMNS } from './event-columns.ts';
import { fromCoreEvent, toCoreEvent } from './event-forms.ts';
import type { FieldSchema } from './field-set.ts';
import { ALL_VERBS, type ResourceType } from './resource-type.ts';
import { NAME_COLUMN } from './table.ts';

const text: StructuralSchema = { type: 'string' };
const count: StructuralSchema = { type: 'integer' };
const time: StructuralSchema = { type: 'string', format: 'date-time', nullable: true };
const texts: StructuralSchema = { type: 'array', items: text };
const object = (properties: Readonly<Record<string, StructuralSchema>>): StructuralSchema => ({
  type: 'object',
  properties: properties,
});
const root = (properties: Readonly<Record<string, StructuralSchema>>): StructuralSchema =>
  object({ apiVersion: text, kind: text, metadata: { type: 'object' }, ...properties });

const reference: FieldSchema = {
  'x-kubernetes-map-type': 'atomic',
  ...object({
    apiVersion: text,
    kind: text,
    name: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    fieldPath: text,
  }),
};
const source = object({ component: text, host: text });
const series = object({ count, lastObservedTime: time });

const COMMON = {
  verbs: ALL_VERBS,
  origin: 'builtin',
  categories: [],
  hasStatus: false,
  nameRule: 'subdomain',
  selectableFields: [],
} as const;

const namespaces: ResourceType = {
  ...COMMON,
  group: '',
  version: 'v1',
  plural: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  listKind: 'NamespaceList',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  hasStatus: true,
  nameRule: 'label',
  schema: root({
    spec: object({ finalizers: texts }),
    status: object({
      phase: text,
      conditions: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
        items: object({ type: text, status: text, reason: text, message: text, lastTransitionTime: time }),
      },
    }),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'The status of the namespace' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  unconditionalUpdate: true,
  createOnUpdate: false,
  selectableFields: ['status.phase'],
  storage: 'namespaces',
};

const leases: ResourceType = {
  ...COMMON,
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  singular: 'lease',
  kind: 'Lease',
  listKind: 'LeaseList',
  shortNames: [],
  namespaced: true,
  schema: root({
    spec: object({
      acquireTime: time,
      holderIdentity: text,
      leaseDurationSeconds: { type: 'integer', minimum: 1 },
      leaseTransitions: { type: 'integer', minimum: 0 },
      preferredHolder: text,
      renewTime: time,
      strategy: text,
    }),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Holder', type: 'string', jsonPath: '.spec.holderIdentity' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  unconditionalUpdate: false,
  createOnUpdate: true,
  storage: 'leases.coordination.k8s.io',
};

const EVENTS = {
  ...COMMON,
  version: 'v1',
  plural: 'events',
  singular: 'event',
  kind: 'Event',
  listKind: 'EventList',
  shortNames: ['ev'],
  namespaced: true,
  unconditionalUpdate: true,
  createOnUpdate: true,
  storage: 'events.events.k8s.io',
} as const;

const events: ResourceType = {
  ...EVENTS,
  group: 'events.k8s.io',
  schema: root({
    eventTime: time,
    series,
    reportingController: text,
    reportingInstance: text,
    action: text,
    reason: text,
    regarding: reference,
    related: reference,
    note: text,
    type: text,
    deprecatedSource: { ...source, default: {} },
    deprecatedFirstTimestamp: { ...time, default: null },
    deprecatedLastTimestamp: { ...time, default: null },
    deprecatedCount: count,
  }),
  columns: EVENT_COLUMNS,
  selectableFields: ['reason', 'type', 'reportingController', ...referenceFields('regarding')],
};

const coreEvents: ResourceType = {
  ...EVENTS,
  group: '',
  schema: root({
    involvedObject: reference,
    reason: text,
    message: text,
    source: { ...source, default: {} },
    firstTimestamp: { ...time, default: null },
    lastTimestamp: { ...time, default: null },
    count,
    type: text,
    eventTime: time,
    series,
    action: text,
    related: reference,
    reportingComponent: text,
    reportingInstance: text,
  }),
  columns: EVENT_COLUMNS,
  selectableFields: ['reason', 'type', 'reportingComponent', 'source', ...referenceFields('involvedObject')],
  toStored: fromCoreEvent,
  fromStored: toCoreEvent,
};

function referenceFields(field: string): string[] {
  return ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
    (name) => `${field}.${name}`,
  );
}

/** What the controller and kubectl need beside our own kinds. */
export const BUILTIN_RESOURCES: readonly ResourceType[] = [namespaces, coreEvents, events, leases];
