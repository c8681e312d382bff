import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONDITION_TYPES } from '../../src/api/conditions.ts';
import { type CustomResourceDefinition, customResourceDefinitions } from '../../src/api/crd.ts';
import { fieldReference } from '../../src/api/field-reference.ts';
import type { StructuralSchema } from '../../src/api/structural.ts';

const definitions = customResourceDefinitions();
const [policies, accounts] = definitions as [CustomResourceDefinition, CustomResourceDefinition];
const rootOf = (definition: CustomResourceDefinition): StructuralSchema =>
  definition.spec.versions[0]!.schema.openAPIV3Schema;

interface Node {
  /** `AmiPolicy.spec.regions[].name` */
  readonly path: string;
  readonly schema: StructuralSchema;
  readonly insideItem: boolean;
}

function nodesOf(schema: StructuralSchema, path: string, insideItem = false): Node[] {
  return [
    { path, schema, insideItem },
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
      nodesOf(child, `${path}.${name}`, insideItem),
    ),
    ...(schema.items ? nodesOf(schema.items, `${path}[]`, true) : []),
    ...(schema.additionalProperties ? nodesOf(schema.additionalProperties, `${path}{}`, true) : []),
  ];
}

const nodes = definitions.flatMap((definition) => nodesOf(rootOf(definition), definition.spec.names.kind));
/** Without what every object has. */
const own = nodes.filter(({ path }) => !/^\w+(\.(apiVersion|kind|metadata))?$/.test(path));

const offenders = (among: readonly Node[], isFine: (node: Node) => boolean): string[] =>
  among.filter((node) => !isFine(node)).map(({ path }) => path);
const oftype = (type: StructuralSchema['type']): Node[] => own.filter(({ schema }) => schema.type === type);

describe('the schemas', () => {
  it('say the type of every node: they are structural', () => {
    expect(offenders(nodes, ({ schema }) => schema.type !== undefined)).toEqual([]);
    const forbidden = ['anyOf', 'oneOf', 'allOf', 'not', '$ref', 'definitions', 'propertyNames', '$schema', 'const'];
    expect(offenders(nodes, ({ schema }) => forbidden.every((word) => !(word in schema)))).toEqual([]);
    expect(offenders(nodes, ({ schema }) => !(schema.properties && schema.additionalProperties))).toEqual([]);
  });

  it('explain every field', () => {
    const fields = own.filter(({ path }) => !/(\[\]|\{\})$/.test(path));
    expect(offenders(fields, ({ schema }) => (schema.description ?? '').length >= 4)).toEqual([]);
    expect(offenders(fields, ({ schema }) => /[.…]$/.test(schema.description ?? ''))).toEqual([]);
  });

  it('bound every list and say how it is merged', () => {
    expect(oftype('array').length).toBeGreaterThan(10);
    expect(offenders(oftype('array'), ({ schema }) => (schema.maxItems ?? Infinity) <= 1000)).toEqual([]);
    expect(offenders(oftype('array'), ({ schema }) => schema['x-kubernetes-list-type'] !== undefined)).toEqual([]);
  });

  it('let GitOps tools merge the lists that people write: never as a whole, and by one key', () => {
    const written = oftype('array').filter(({ path }) => path.includes('.spec.'));
    expect(offenders(written, ({ schema }) => schema['x-kubernetes-list-type'] !== 'atomic')).toEqual([]);
    const byKey = Object.fromEntries(
      oftype('array')
        .filter(({ schema }) => schema['x-kubernetes-list-type'] === 'map')
        .map(({ path, schema }) => [path, schema['x-kubernetes-list-map-keys']]),
    );
    expect(byKey).toEqual({
      'AmiPolicy.spec.regions': ['name'],
      'AmiPolicy.spec.accounts': ['id'],
      'AmiPolicy.spec.accounts[].regions': ['name'],
      'AmiPolicy.status.conditions': ['type'],
      'AwsAccount.status.conditions': ['type'],
    });
  });

  it('have maps and sets of what can be one', () => {
    const sets = oftype('array').filter(({ schema }) => schema['x-kubernetes-list-type'] === 'set');
    expect(offenders(sets, ({ schema }) => schema.items?.type === 'string')).toEqual([]);
    const maps = oftype('array').filter(({ schema }) => schema['x-kubernetes-list-type'] === 'map');
    const isRequired = ({ schema }: Node): boolean =>
      (schema['x-kubernetes-list-map-keys'] ?? []).every((key) => schema.items?.required?.includes(key));
    expect(offenders(maps, isRequired)).toEqual([]);
  });

  it('bound every string', () => {
    const isBounded = ({ schema }: Node): boolean =>
      schema.maxLength !== undefined || schema.enum !== undefined || schema.format === 'date-time';
    expect(offenders(oftype('string'), isBounded)).toEqual([]);
  });

  it('bound every number and every map, and know no fractions', () => {
    expect(oftype('number')).toEqual([]);
    const isBounded = ({ schema }: Node): boolean => schema.minimum !== undefined && schema.maximum !== undefined;
    expect(
      offenders(
        oftype('integer').filter(({ path }) => path.includes('.spec.')),
        isBounded,
      ),
    ).toEqual([]);
    const maps = own.filter(({ schema }) => schema.additionalProperties !== undefined);
    expect(offenders(maps, ({ schema }) => schema.maxProperties !== undefined)).toEqual([]);
  });

  it('have no default inside list items, where it would show as a difference for ever', () => {
    expect(
      offenders(
        own.filter(({ insideItem }) => insideItem),
        ({ schema }) => schema.default === undefined,
      ),
    ).toEqual([]);
  });

  it('have defaults that are plain values; the one exception is the generation that no status has seen yet', () => {
    const withDefault = own.filter(({ schema }) => schema.default !== undefined);
    const isPlain = ({ schema }: Node): boolean => typeof schema.default !== 'object';
    expect(offenders(withDefault, isPlain)).toEqual(['AmiPolicy.status', 'AwsAccount.status']);
    expect(rootOf(policies).properties?.['status']).toMatchObject({
      default: { observedGeneration: -1 },
      properties: { observedGeneration: { default: -1 } },
    });
  });

  it('require no field that has a default', () => {
    const isFree = ({ schema }: Node): boolean =>
      (schema.required ?? []).every((name) => schema.properties?.[name]?.default === undefined);
    expect(offenders(nodes, isFree)).toEqual([]);
  });

  it('take account ids as text of twelve digits', () => {
    const isAccount = /(\.account|\.id|sharing\.accounts\[\])$/;
    const ids = own.filter(({ path }) => path.includes('.spec.') && isAccount.test(path));
    expect(ids.map(({ path }) => path)).toEqual([
      'AmiPolicy.spec.source.account',
      'AmiPolicy.spec.accounts[].id',
      'AmiPolicy.spec.sharing.accounts[]',
    ]);
    expect(offenders(ids, ({ schema }) => schema.type === 'string' && schema.pattern === '^[0-9]{12}$')).toEqual([]);
  });

  it('name the unit of every duration', () => {
    const durations = oftype('integer').filter(({ path }) => /(days|day|after|minutes|hours|seconds)/i.test(path));
    expect(offenders(durations, ({ path }) => /(Days|PerDay)$/.test(path))).toEqual([]);
  });

  it('have values in PascalCase where they are ours to choose', () => {
    const enums = own.filter(({ schema, path }) => schema.enum && !/(architectures\[\]|images\.owner)$/.test(path));
    expect(enums.length).toBeGreaterThan(5);
    const isPascal = ({ schema }: Node): boolean =>
      schema.enum!.every((value) => /^[A-Z][A-Za-z]+$/.test(String(value)));
    expect(offenders(enums, isPascal)).toEqual([]);
  });

  it('have patterns that mean the same in Go as in JavaScript', () => {
    const patterned = own.filter(({ schema }) => schema.pattern !== undefined);
    // RE2 knows neither look-around nor back references; a slash needs no backslash there.
    expect(offenders(patterned, ({ schema }) => !/\(\?[=!<]|\\[1-9]|\\\//.test(schema.pattern!))).toEqual([]);
    expect(offenders(patterned, ({ schema }) => /^\^.*\$$/.test(schema.pattern!))).toEqual([]);
  });
});

describe('the definitions', () => {
  it.each(definitions)('$metadata.name serves and stores one version', ({ metadata, spec }) => {
    expect(metadata.name).toBe(`${spec.names.plural}.${spec.group}`);
    expect(spec.versions).toMatchObject([{ name: 'v1alpha1', served: true, storage: true }]);
    expect(spec.names.categories).toEqual(['amifleet']);
    expect(spec.names.categories).not.toContain('all');
  });

  it('policies are of a namespace, accounts of the cluster, and both have a status of their own', () => {
    expect(policies.spec).toMatchObject({ scope: 'Namespaced', names: { kind: 'AmiPolicy', shortNames: ['amip'] } });
    expect(policies.spec.versions[0]?.subresources).toEqual({ status: {} });
    expect(accounts.spec).toMatchObject({ scope: 'Cluster', names: { kind: 'AwsAccount' } });
    expect(accounts.spec.versions[0]?.subresources).toEqual({ status: {} });
  });

  it('one line of kubectl get answers "is it fine, and if not why"', () => {
    const columns = policies.spec.versions[0]!.additionalPrinterColumns;
    const shown = columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name);
    expect(shown).toEqual(['Ready', 'Reason', 'Versions', 'Targets', 'Pending', 'Age']);
  });

  it.each(definitions)('every column of $spec.names.plural shows a field that exists', (definition) => {
    const known = new Set(nodesOf(rootOf(definition), '').map(({ path }) => path));
    const columns = definition.spec.versions[0]!.additionalPrinterColumns;
    for (const { jsonPath } of columns.filter(({ jsonPath }) => jsonPath !== '.metadata.creationTimestamp')) {
      const filtered = /^\.status\.conditions\[\?\(@\.type=="(\w+)"\)\]\.(\w+)$/.exec(jsonPath);
      expect(known).toContain(filtered ? `.status.conditions[].${filtered[2]}` : jsonPath);
      expect(CONDITION_TYPES).toContain(filtered?.[1] ?? 'Ready');
    }
  });
});

describe('what is made from the schemas is fresh (else: npm run crds)', () => {
  it.each(definitions)('crds/$spec.names.plural.yaml', (definition) => {
    const file = readFileSync(`crds/${definition.spec.names.plural}.yaml`, 'utf8');
    expect(parse(file)).toEqual(JSON.parse(JSON.stringify(definition)));
    expect(file).toMatch(/^# Made by `npm run crds`/);
  });

  it('crds/kustomization.yaml names every one of them', () => {
    const { resources } = parse(readFileSync('crds/kustomization.yaml', 'utf8')) as { resources: string[] };
    expect(resources).toEqual(definitions.map(({ spec }) => `${spec.names.plural}.yaml`));
  });

  it('docs/fields.md', () => {
    expect(readFileSync('docs/fields.md', 'utf8')).toBe(fieldReference());
  });

  it('docs/fields.md tells of every field and every rule', () => {
    const reference = fieldReference();
    const fields = own.filter(({ path }) => /^\w+\.(spec|status)\./.test(path) && !/(\[\]|\{\})$/.test(path));
    for (const { path } of fields) expect(reference).toContain(`| \`${path.replace(/^\w+\./, '')}\` |`);
    const rules = nodes.flatMap(({ schema }) => schema['x-kubernetes-validations'] ?? []);
    for (const { message } of rules) expect(reference).toContain(`Rule: ${message}.`);
  });
});
