import type { PrinterColumn } from '../../api/crd.ts';
import type { StructuralSchema } from '../../api/structural.ts';
import type { KubeDocument } from './document.ts';

/** A column of tables: a path, as definitions have them, or for builtin kinds what is made of the object. */
export type Column =
  | PrinterColumn
  | {
      readonly name: string;
      readonly type: 'string' | 'integer';
      readonly format?: string;
      readonly description?: string;
      readonly priority?: number;
      readonly cell: (object: KubeDocument, now: number) => unknown;
    };

/** A resource as it is served: one kind in one version of one group. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** `custom`: defined by a CustomResourceDefinition, with the stricter rules that those keep. */
  readonly origin: 'custom' | 'builtin';
  readonly hasStatus: boolean;
  /** Of the whole object. */
  readonly schema: StructuralSchema;
  readonly columns: readonly Column[];
  /** An update needs no resourceVersion. */
  readonly unconditionalUpdate: boolean;
  /** A PUT on a name that is free creates. */
  readonly createOnUpdate: boolean;
  /** Which rules a name must keep. */
  readonly nameRule: 'label' | 'subdomain';
  /** Fields that a selector may name beside metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** Where objects of several resources live together: the same objects, each in its own form. */
  readonly storage: string;
  /** From the form of this resource to the stored form and back. Absent: they are the same. */
  readonly toStored?: (object: KubeDocument) => KubeDocument;
  readonly fromStored?: (object: KubeDocument) => KubeDocument;
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const ALL_VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];

/** What goes into `apiVersion`. */
export const apiVersionOf = ({ group, version }: Pick<ResourceType, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

/** A stored object as this resource shows it. */
export const inForm = (type: ResourceType, stored: KubeDocument): KubeDocument => type.fromStored?.(stored) ?? stored;

/** An object of this resource as it is stored. */
export const inStoredForm = (type: ResourceType, object: KubeDocument): KubeDocument =>
  type.toStored?.(object) ?? object;
