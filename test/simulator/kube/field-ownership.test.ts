import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeDocument } from '../../../src/simulator/kube/document.ts';
import { applyConfig, ownersAfterUpdate } from '../../../src/simulator/kube/field-ownership.ts';
import { describePath, fromFieldsV1, ownershipSchema, toFieldsV1 } from '../../../src/simulator/kube/field-set.ts';
import { StatusError } from '../../../src/simulator/kube/status-error.ts';

const SCHEMA = ownershipSchema({ type: 'object', properties: {} });
const API_VERSION = 'example.io/v1';

type Labels = Readonly<Record<string, string>>;
type Operation =
  | { readonly kind: 'apply'; readonly manager: string; readonly labels: Labels; readonly force: boolean }
  | { readonly kind: 'update'; readonly manager: string; readonly labels: Labels };

const manager = fc.constantFrom('one', 'two', 'three');
const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('apply' as const), manager, labels, force: fc.boolean() }),
  fc.record({ kind: fc.constant('update' as const), manager, labels }),
);

const withLabels = (given: Labels): KubeDocument => ({
  apiVersion: API_VERSION,
  kind: 'Example',
  metadata: { name: 'x', ...(Object.keys(given).length > 0 && { labels: given }) },
});

/** Ownership in its plainest form: for every label its value, and who owns it. */
class Reference {
  readonly values = new Map<string, string>();
  readonly owners = new Map<string, Set<string>>();

  apply(by: string, given: Labels, force: boolean): boolean {
    const changed = Object.entries(given).filter(([name, value]) => this.values.get(name) !== value);
    const isContested = changed.some(([name]) => [...(this.owners.get(name) ?? [])].some((owner) => owner !== by));
    if (isContested && !force) return false;
    for (const [name] of changed) this.owners.delete(name);
    for (const [name, value] of Object.entries(given)) {
      this.values.set(name, value);
      this.owners.set(name, (this.owners.get(name) ?? new Set()).add(by));
    }
    for (const [name, owners] of this.owners) {
      if (Object.hasOwn(given, name) || !owners.delete(by) || owners.size > 0) continue;
      this.values.delete(name);
      this.owners.delete(name);
    }
    return true;
  }

  update(by: string, given: Labels): void {
    for (const name of this.values.keys()) {
      if (Object.hasOwn(given, name)) continue;
      this.values.delete(name);
      this.owners.delete(name);
    }
    for (const [name, value] of Object.entries(given)) {
      if (this.values.get(name) !== value) this.owners.set(name, new Set([by]));
      this.values.set(name, value);
    }
  }
}

/** Who owns which label, as the object itself says. */
function ownersIn(object: KubeDocument): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>();
  for (const { manager, operation, fieldsV1 } of object.metadata.managedFields ?? []) {
    for (const path of fromFieldsV1(fieldsV1)) {
      const name = /^\.metadata\.labels\.(.+)$/.exec(describePath(path))?.[1];
      if (name !== undefined) owners.set(name, (owners.get(name) ?? new Set()).add(`${manager} ${operation}`));
    }
  }
  return owners;
}

function step(object: KubeDocument, operation: Operation): KubeDocument {
  const id = { manager: operation.manager, apiVersion: API_VERSION };
  if (operation.kind === 'update') {
    const after = { ...withLabels(operation.labels) };
    const managedFields = ownersAfterUpdate(SCHEMA, object, after, { ...id, operation: 'Update' }, 'now');
    return { ...after, metadata: { ...after.metadata, managedFields } };
  }
  const { labels, force } = operation;
  const applied = applyConfig(SCHEMA, object, withLabels(labels), { ...id, operation: 'Apply' }, 'now', force);
  return { ...applied.object, metadata: { ...applied.object.metadata, managedFields: applied.managedFields } };
}

/** Undefined: it was refused. */
function tried<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}

describe('ownership of fields', () => {
  it('is what a plain table of owners says, after any sequence of applies and updates', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
        const reference = new Reference();
        let object = withLabels({});
        for (const next of operations) {
          let went = true;
          if (next.kind === 'update') reference.update(`${next.manager} Update`, next.labels);
          else went = reference.apply(`${next.manager} Apply`, next.labels, next.force);
          const after = tried(() => step(object, next));
          expect(after !== undefined).toBe(went);
          object = after ?? object;
          expect(new Map(Object.entries(object.metadata.labels ?? {}))).toEqual(reference.values);
          expect(ownersIn(object)).toEqual(reference.owners);
        }
      }),
    );
  });

  it('is read as it was written', () => {
    const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:"y"');
    const path = fc.array(element, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('\u0000'));
    fc.assert(
      fc.property(fc.uniqueArray(path), (paths) => {
        expect(fromFieldsV1(toFieldsV1(new Set(paths)))).toEqual(new Set(paths));
      }),
    );
  });
});
