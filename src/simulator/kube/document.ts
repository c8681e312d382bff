import type { JsonObject } from './json-object.ts';

/** Metadata of an object, as far as this server knows it; everything else is not kept. */
export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly JsonObject[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** What of the metadata is the server's: nobody owns it, and what a client sends of it is passed over. */
export const SERVER_METADATA = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
  'managedFields',
  'name',
  'namespace',
] as const satisfies readonly (keyof ObjectMeta)[];

/** Which fields somebody wrote last, in the API's own form. */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: JsonObject;
  readonly subresource?: string;
}

/** An object of the API, of whatever kind. */
export interface KubeDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** `namespace/name`; for an object of the cluster `/name`. */
export const keyOf = ({ metadata }: KubeDocument): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
