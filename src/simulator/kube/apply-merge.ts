import { type FieldSchema, isWithin, type Part, partsOf, pathOf } from './field-set.ts';
import { isObject } from './json-object.ts';

/** The live object with what is applied put into it; what the applied one does not name stays. */
export function applyOnto(schema: FieldSchema | undefined, live: unknown, applied: unknown): unknown {
  if (live === undefined) return applied;
  const old = partsOf(schema, live);
  const now = partsOf(schema, applied);
  if (!old || !now || Array.isArray(live) !== Array.isArray(applied)) return applied;
  const oldBy = new Map(old.map((part) => [part.element, part]));
  const merged = now.map((part): Part => {
    const value = applyOnto(part.schema, oldBy.get(part.element)?.value, part.value);
    return { ...part, value };
  });
  if (Array.isArray(applied)) return inOrder(old, merged).map(({ value }) => value);
  return { ...(live as object), ...Object.fromEntries(merged.map(({ element, value }) => [element.slice(2), value])) };
}

/** Shared items in the order of what is applied; others before the shared one that they stood before. */
function inOrder(old: readonly Part[], now: readonly Part[]): readonly Part[] {
  const oldElements = new Set(old.map(({ element }) => element));
  const nowElements = new Set(now.map(({ element }) => element));
  const ordered: Part[] = [];
  let next = 0;
  const takeOld = (): void => {
    for (let part = old[next]; part && !nowElements.has(part.element); part = old[++next]) ordered.push(part);
  };
  for (const part of now) {
    takeOld();
    ordered.push(part);
    if (oldElements.has(part.element)) next++;
  }
  takeOld();
  return ordered;
}

/** The value without the fields of `gone`, each with all that is beneath it. */
export function withoutFields(
  schema: FieldSchema | undefined,
  value: unknown,
  gone: ReadonlySet<string>,
  path = '',
): unknown {
  const parts = partsOf(schema, value);
  if (!parts || ![...gone].some((field) => path === '' || isWithin(field, path))) return value;
  const kept = parts.flatMap((part): Part[] => {
    const inner = pathOf(path, part.element);
    if (gone.has(inner)) return [];
    const left = withoutFields(part.schema, part.value, gone, inner);
    return [{ ...part, value: left }];
  });
  if (!isObject(value)) return kept.map((part) => part.value);
  return Object.fromEntries(kept.map((part) => [part.element.slice(2), part.value]));
}
