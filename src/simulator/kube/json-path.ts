import { isObject } from './json-object.ts';

/** One step of a path: into a field, or over a list, filtered or not. */
type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly field: string; readonly value: string };

const STEP =
  /\.([A-Za-z0-9_-]+)|\['([^']+)'\]|\[(\d+)\]|\[(\*)\]|\[\?\(@\.([A-Za-z0-9_.-]+)\s*==\s*["']([^"']*)["']\)\]/y;

/**
 * What a JSONPath of a printer column finds: fields, indexes, `[*]` and filters on one field, as columns use them.
 * @throws Error when the path has anything else in it
 */
export function jsonPath(path: string, value: unknown): readonly unknown[] {
  return stepsOf(path).reduce<readonly unknown[]>(
    (found, step) => found.flatMap((entry) => follow(step, entry)),
    [value],
  );
}

function stepsOf(path: string): readonly Step[] {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const match = STEP.exec(path);
    if (!match) throw new Error(`column path ${path}: cannot read ${path.slice(at)}`);
    const [, name, quoted, index, all, field, equal] = match;
    if (field !== undefined) steps.push({ kind: 'filter', field, value: equal ?? '' });
    else if (all !== undefined) steps.push({ kind: 'all' });
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else steps.push({ kind: 'field', name: name ?? quoted ?? '' });
  }
  return steps;
}

function follow(step: Step, value: unknown): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return isObject(value) && value[step.name] !== undefined ? [value[step.name]] : [];
    case 'index':
      return Array.isArray(value) && value[step.index] !== undefined ? [value[step.index]] : [];
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    default:
      return Array.isArray(value) ? value.filter((item) => isObject(item) && item[step.field] === step.value) : [];
  }
}
