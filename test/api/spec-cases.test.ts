import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import type { StructuralSchema } from '../../src/api/structural.ts';
import { admit } from '../../src/api/validate.ts';
import { SPEC_CASES } from './spec-cases.ts';

const schemas = new Map(
  customResourceDefinitions().map(({ spec }) => [spec.names.kind, spec.versions[0]!.schema.openAPIV3Schema]),
);

/** The messages of all rules below `schema`. */
function rulesOf(schema: StructuralSchema): string[] {
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return [
    ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => message),
    ...children.flatMap((child) => (child ? rulesOf(child) : [])),
  ];
}

const describeError = ({ field, message }: { field: string; message: string }): string => `${field}: ${message}`;

describe('a document that is', () => {
  it.each(SPEC_CASES.filter(({ refused }) => !refused))('accepted: $name', ({ object, before }) => {
    const { errors, unknown } = admit(schemas.get(object.kind)!, object, before);
    expect({ errors, unknown }).toEqual({ errors: [], unknown: [] });
  });

  it.each(SPEC_CASES.filter(({ refused }) => refused))('refused: $name', ({ object, before, refused }) => {
    const { errors } = admit(schemas.get(object.kind)!, object, before);
    const [first, ...others] = errors.map(describeError);
    expect(first).toContain(`${refused!.field}: `);
    expect(first).toContain(refused!.message);
    // A case is about one thing: what else is said may only be about the same field.
    for (const other of others) expect(other).toContain(refused!.field);
  });
});

describe('the rules of the CRDs', () => {
  const rules = [...schemas.values()].flatMap(rulesOf);

  it.each(rules)('"%s" has a case for each verdict', (rule) => {
    const verdicts = SPEC_CASES.filter((one) => one.rule === rule).map(({ refused }) => (refused ? 'no' : 'yes'));
    expect(new Set(verdicts)).toEqual(new Set(['yes', 'no']));
  });

  it('no case speaks of a rule that does not exist', () => {
    const known = new Set(rules);
    expect(SPEC_CASES.filter(({ rule }) => rule !== undefined && !known.has(rule)).map(({ name }) => name)).toEqual([]);
  });

  it('say what must be or must not be, in words', () => {
    for (const rule of rules) expect(rule).toMatch(/ must | must$|^must | needs /);
  });
});
