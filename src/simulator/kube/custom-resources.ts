import { type CustomResourceDefinition, customResourceDefinitions } from '../../api/crd.ts';
import type { StructuralSchema } from '../../api/structural.ts';
import { shape } from '../../api/validate.ts';
import type { KubeDocument } from './document.ts';
import { deepFreeze } from './json-object.ts';
import { ALL_VERBS, type ResourceType } from './resource-type.ts';
import { NAME_COLUMN } from './table.ts';

/** Our own kinds, each as its CustomResourceDefinition says. */
export function customResources(): readonly ResourceType[] {
  return customResourceDefinitions().flatMap(fromDefinition);
}

function fromDefinition({ spec }: CustomResourceDefinition): ResourceType[] {
  return spec.versions
    .filter(({ served }) => served)
    .map((version) => ({
      group: spec.group,
      version: version.name,
      plural: spec.names.plural,
      singular: spec.names.singular,
      kind: spec.names.kind,
      listKind: spec.names.listKind,
      shortNames: spec.names.shortNames,
      categories: spec.names.categories,
      namespaced: spec.scope === 'Namespaced',
      verbs: ALL_VERBS,
      origin: 'custom',
      hasStatus: true,
      schema: version.schema.openAPIV3Schema,
      columns: [NAME_COLUMN, ...version.additionalPrinterColumns],
      unconditionalUpdate: false,
      createOnUpdate: false,
      nameRule: 'subdomain',
      selectableFields: [],
      storage: `${spec.names.plural}.${spec.group}`,
      fromStored: withDefaultsOf(version.schema.openAPIV3Schema),
    }));
}

/** Defaults are filled in whenever an object is read, also those of fields that came into the schema later. */
function withDefaultsOf(schema: StructuralSchema): (stored: KubeDocument) => KubeDocument {
  // Objects are read far more often than written, and what is stored never changes.
  const known = new WeakMap<KubeDocument, KubeDocument>();
  return (stored) => {
    const before = known.get(stored);
    if (before) return before;
    const complete = deepFreeze({ ...stored, ...(shape(schema, stored).value as KubeDocument) });
    known.set(stored, complete);
    return complete;
  };
}
