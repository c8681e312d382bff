import { isDeepStrictEqual } from 'node:util';
import { type FieldSchema, partsOf, pathOf } from './field-set.ts';

/** Which fields differ between two states of an object. */
export interface FieldChanges {
  readonly added: ReadonlySet<string>;
  readonly modified: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export function fieldChanges(schema: FieldSchema, before: unknown, after: unknown): FieldChanges {
  const changes = { added: new Set<string>(), modified: new Set<string>(), removed: new Set<string>() };
  compare(schema, before, after, '', changes);
  return changes;
}

type Collected = Readonly<Record<keyof FieldChanges, Set<string>>>;

function compare(
  schema: FieldSchema | undefined,
  before: unknown,
  after: unknown,
  path: string,
  changes: Collected,
): void {
  const old = before === undefined ? [] : partsOf(schema, before);
  const now = after === undefined ? [] : partsOf(schema, after);
  if (before === undefined && path !== '') changes.added.add(path);
  if (after === undefined && path !== '') changes.removed.add(path);
  if (!old || !now || old.length + now.length === 0) {
    if (before !== undefined && after !== undefined && !isDeepStrictEqual(before, after)) changes.modified.add(path);
    return;
  }
  const earlier = new Map(old.map((part) => [part.element, part]));
  for (const part of now) {
    compare(part.schema, earlier.get(part.element)?.value, part.value, pathOf(path, part.element), changes);
    earlier.delete(part.element);
  }
  for (const part of earlier.values()) {
    compare(part.schema, part.value, undefined, pathOf(path, part.element), changes);
  }
}
