import { type CustomResourceDefinition, customResourceDefinitions } from '../../api/crd.ts';
import { ALL_VERBS, type ResourceType } from './resource-type.ts';

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
      hasStatus: version.subresources?.status !== undefined,
      schema: version.schema.openAPIV3Schema,
      columns: version.additionalPrinterColumns,
      unconditionalUpdate: false,
      createOnUpdate: false,
      nameRule: 'subdomain',
      selectableFields: [],
      storage: `${spec.names.plural}.${spec.group}`,
    }));
}
