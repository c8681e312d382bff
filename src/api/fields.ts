import { z } from 'zod';

/**
 * What the fields of both kinds are made of, and the ways to say in zod what only Kubernetes knows: list types and CEL
 * rules. Everything put into `meta` with a key that starts with `x-kubernetes-` reaches the CRD as it is.
 */

/** A CEL rule of a schema node; `self` is the value of that node, `oldSelf` its value before an update. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** Adds CEL rules to a schema node. */
export function withRules<T extends z.ZodType>(schema: T, ...rules: readonly CelRule[]): T {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules });
}

/** A list whose order means nothing and that holds no value twice. */
export function setOf<T extends z.ZodType>(item: T, max: number, description: string, min = 1): z.ZodArray<T> {
  return z.array(item).min(min).max(max).meta({ description, 'x-kubernetes-list-type': 'set' });
}

/** A list of objects identified by the field `key`. */
export function mapBy<T extends z.ZodType>(
  key: string,
  item: T,
  max: number,
  description: string,
  min = 1,
): z.ZodArray<T> {
  return z
    .array(item)
    .min(min)
    .max(max)
    .meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A 12-digit AWS account id. A string: a leading zero would be lost in a YAML integer. */
export const accountId = (description: string): z.ZodString =>
  z
    .string()
    .max(12)
    .regex(/^[0-9]{12}$/)
    .meta({ description });

/** The name of an AWS region, for example `eu-west-1`. */
export const regionName = (description: string): z.ZodString =>
  z
    .string()
    .max(32)
    .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]+$/)
    .meta({ description });

/** An AMI id: `ami-` and 8 (old images) or 17 hexadecimal digits. */
export const imageId = (description: string): z.ZodString =>
  z
    .string()
    .max(21)
    .regex(/^ami-[0-9a-f]{8}([0-9a-f]{9})?$/)
    .meta({ description });

/** A tag key that users may choose: at most 128 characters, outside the namespaces of AWS and of this controller. */
export const tagKey = (description: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(128)
    .regex(/^[\p{L}\p{Z}\p{N}_.:/=+@-]+$/u)
    .meta({ description });

/** A tag value: at most 256 characters. */
export const tagValue = (): z.ZodString => z.string().max(256);

/** A whole number within bounds. */
export const whole = (min: number, max: number, description: string): z.ZodInt =>
  z.int().min(min).max(max).meta({ description });
