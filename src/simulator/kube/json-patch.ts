import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject } from './json-object.ts';

/** Why a JSON patch could not be applied. */
export class PatchFailure extends Error {
  override readonly name = 'PatchFailure';
}

/**
 * A JSON patch (RFC 6902).
 * @throws PatchFailure
 */
export function jsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  let result = structuredClone(target);
  for (const operation of operations) {
    if (!isObject(operation)) throw new PatchFailure('an operation must be an object');
    result = applyOne(result, operation);
  }
  return result;
}

function applyOne(document: unknown, operation: JsonObject): unknown {
  const path = pointer(operation['path']);
  const { value } = operation;
  switch (operation['op']) {
    case 'add':
      return edit(document, path, (parent, key) => insert(parent, key, value), value);
    case 'remove':
      return edit(document, path, remove, undefined);
    case 'replace':
      valueAt(document, path);
      return edit(document, path, (parent, key) => replace(parent, key, value), value);
    case 'copy': {
      const copied = structuredClone(valueAt(document, pointer(operation['from'])));
      return edit(document, path, (parent, key) => insert(parent, key, copied), copied);
    }
    case 'move': {
      const from = pointer(operation['from']);
      const moved = valueAt(document, from);
      const left = edit(document, from, remove, undefined);
      return edit(left, path, (parent, key) => insert(parent, key, moved), moved);
    }
    case 'test':
      if (!isDeepStrictEqual(valueOrNull(document, path), value ?? null)) {
        throw new PatchFailure(`testing value /${path.join('/')} failed`);
      }
      return document;
    default:
      throw new PatchFailure(`Unexpected kind: ${String(operation['op'])}`);
  }
}

type Container = Record<string, unknown> | unknown[];

function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) {
    throw new PatchFailure(`${String(path)} is no JSON pointer`);
  }
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function edit(
  document: unknown,
  path: readonly string[],
  change: (parent: Container, key: string) => void,
  atRoot: unknown,
): unknown {
  const last = path.at(-1);
  if (last === undefined) return atRoot;
  const parent = valueAt(document, path.slice(0, -1));
  if (!Array.isArray(parent) && !isObject(parent)) throw missing(path);
  change(parent as Container, last);
  return document;
}

const missing = (path: readonly string[]): PatchFailure =>
  new PatchFailure(`doc is missing path: "/${path.join('/')}": missing value`);

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const part of path) {
    const next: unknown = Array.isArray(value)
      ? value[indexOf(part, value.length - 1)]
      : isObject(value)
        ? value[part]
        : undefined;
    if (next === undefined) throw missing(path);
    value = next;
  }
  return value;
}

function valueOrNull(document: unknown, path: readonly string[]): unknown {
  try {
    return valueAt(document, path);
  } catch (error) {
    if (error instanceof PatchFailure) return null;
    throw error;
  }
}

function insert(parent: Container, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : indexOf(key, parent.length), 0, value);
  else parent[key] = value;
}

function replace(parent: Container, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent[indexOf(key, parent.length - 1)] = value;
  else parent[key] = value;
}

function remove(parent: Container, key: string): void {
  if (Array.isArray(parent)) parent.splice(indexOf(key, parent.length - 1), 1);
  else if (key in parent) delete parent[key];
  else throw new PatchFailure(`Unable to remove nonexistent key: ${key}: missing value`);
}

function indexOf(key: string, largest: number): number {
  const index = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : Number.NaN;
  if (!(index <= largest)) throw new PatchFailure(`Unable to access invalid index: ${key}: invalid index referenced`);
  return index;
}
