import { parse } from '@marcbachmann/cel-js';
import type { StructuralSchema } from './structural.ts';

/**
 * CEL as the API server uses it for validation rules, over a library. Values are converted by their schema first:
 * integers are CEL ints (BigInt here), or a rule that compares one with a literal would meet a double.
 */

type Program = ReturnType<typeof parse>;
const programs = new Map<string, Program>();

/**
 * Whether `rule` holds for `self`. A rule that names `oldSelf` holds by definition when there is no old value, as in
 * the API server: it is evaluated on updates only.
 * @throws the library's error when the rule cannot be parsed or evaluated
 */
export function ruleHolds(rule: string, schema: StructuralSchema, self: unknown, oldSelf?: unknown): boolean {
  const isTransition = /\boldSelf\b/.test(rule);
  if (isTransition && oldSelf === undefined) return true;
  let program = programs.get(rule);
  if (!program) {
    program = parse(rule);
    programs.set(rule, program);
  }
  const context: Record<string, unknown> = { self: toCel(schema, self) };
  if (isTransition) context['oldSelf'] = toCel(schema, oldSelf);
  return program(context) === true;
}

function toCel(schema: StructuralSchema | undefined, value: unknown): unknown {
  if (typeof value === 'number') return schema?.type === 'integer' ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(schema?.items, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      toCel(schema?.properties?.[key] ?? schema?.additionalProperties, child),
    ]),
  );
}
