import type { FieldValidation } from './admission.ts';
import { isObject, type JsonObject } from './json-object.ts';
import { invalid, type StatusError } from './status-error.ts';

/** How a write is to be done, from the query of its request. */
export interface WriteOptions {
  /** Who writes, as `managedFields` will name it. */
  readonly fieldManager: string;
  readonly validation: FieldValidation;
  /** Answer as if it were written, and write nothing. */
  readonly dryRun: boolean;
  /** Server-side apply: take over fields of others. */
  readonly force: boolean;
}

const LONGEST_MANAGER = 128;

/**
 * @param userAgent names the manager where the query does not
 * @throws StatusError
 */
export function writeOptions(query: URLSearchParams, userAgent: string | undefined, kind: OptionsKind): WriteOptions {
  const optionInvalid = refusalOf(kind);
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) {
    throw optionInvalid('dryRun', `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`);
  }
  const validation = query.get('fieldValidation') || 'Warn';
  if (validation !== 'Ignore' && validation !== 'Warn' && validation !== 'Strict') {
    throw optionInvalid(
      'fieldValidation',
      `Unsupported value: ${JSON.stringify(validation)}: supported values: "", "Ignore", "Strict", "Warn"`,
    );
  }
  const given = query.get('fieldManager') ?? '';
  if (given.length > LONGEST_MANAGER) {
    throw optionInvalid('fieldManager', `Too long: may not be more than ${LONGEST_MANAGER} bytes`);
  }
  const fieldManager = given || userAgent?.split('/')[0]?.slice(0, LONGEST_MANAGER) || 'unknown';
  return { fieldManager, validation, dryRun: dryRun.length > 0, force: query.get('force') === 'true' };
}

const REASONS: Readonly<Record<string, string>> = {
  Unsupported: 'FieldValueNotSupported',
  Too: 'FieldValueTooLong',
  Required: 'FieldValueRequired',
  Forbidden: 'FieldValueForbidden',
};

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

/** How an option of that kind is refused. */
export const refusalOf =
  (kind: OptionsKind) =>
  (field: string, message: string): StatusError =>
    invalid({ group: 'meta.k8s.io', kind }, '', [
      { reason: REASONS[/^\w*/.exec(message)?.[0] ?? ''] ?? 'FieldValueInvalid', message, field },
    ]);

/** What a deletion asks for, from the body and the query of its request. */
export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly dryRun: boolean;
}

/** @throws StatusError */
export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const given: JsonObject = isObject(body) ? body : {};
  const preconditions = isObject(given['preconditions']) ? given['preconditions'] : {};
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'] : query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) {
    const message = `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`;
    throw refusalOf('DeleteOptions')('dryRun', message);
  }
  const { uid, resourceVersion } = preconditions;
  return {
    dryRun: dryRun.length > 0,
    ...(typeof uid === 'string' && { uid }),
    ...(typeof resourceVersion === 'string' && { resourceVersion }),
  };
}
