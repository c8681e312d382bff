import { isObject, type JsonObject } from './json-object.ts';

/** A copy of the document without what is at these paths (`spec.regions[0].colour`). */
export function withoutPaths(document: JsonObject, paths: readonly string[]): JsonObject {
  const copy = structuredClone(document);
  for (const path of paths) {
    const parts = [...path.matchAll(/[^.[\]]+/g)].map(([part]) => part);
    const last = parts.pop();
    let parent: unknown = copy;
    for (const part of parts)
      parent = Array.isArray(parent) || isObject(parent) ? (parent as JsonObject)[part] : undefined;
    if (last !== undefined && isObject(parent)) delete (parent as Record<string, unknown>)[last];
  }
  return copy;
}
