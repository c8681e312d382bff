import { z } from 'zod';
import type { CelRule } from './fields.ts';

/** A structural schema: the part of OpenAPI v3 that a CustomResourceDefinition may hold, as far as ours do. */
export interface StructuralSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly nullable?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

/** Where zod bounds an integer because JavaScript does; said in a CRD it would only be noise. */
const SAFE = Number.MAX_SAFE_INTEGER;

/**
 * Turns a zod schema into a structural one. Removed on the way: what Kubernetes refuses beside `properties`
 * (`additionalProperties: false`), key patterns of maps (`propertyNames` is not structural), and the bounds that every
 * JavaScript integer has.
 */
export function structural(schema: z.ZodType): StructuralSchema {
  return clean(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' })) as StructuralSchema;
}

function clean(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(clean);
  if (typeof node !== 'object' || node === null) return node;
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === '$schema' || key === 'propertyNames') continue;
    if (key === 'additionalProperties' && (value === false || 'properties' in node)) continue;
    if ((key === 'minimum' && value === -SAFE) || (key === 'maximum' && value === SAFE)) continue;
    if (key === 'properties') {
      kept[key] = Object.fromEntries(Object.entries(value as object).map(([name, child]) => [name, clean(child)]));
    } else if (key === 'pattern') {
      // JavaScript prints a slash escaped; to everybody else it is an ordinary character.
      kept[key] = (value as string).replaceAll('\\/', '/');
    } else if (key === 'default' || key === 'enum' || key === 'x-kubernetes-validations') {
      kept[key] = value;
    } else {
      kept[key] = clean(value);
    }
  }
  return kept;
}
