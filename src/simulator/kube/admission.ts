import { admit, type FieldError } from '../../api/validate.ts';
import type { KubeDocument } from './document.ts';
import { type JsonObject, without } from './json-object.ts';
import { metadataCauses, readMetadata } from './metadata-rules.ts';
import { withoutPaths } from './prune-paths.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import { badRequest, invalid, type StatusCause } from './status-error.ts';

/** What happens with fields that the schema does not know. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface Decoded {
  readonly object: KubeDocument;
  readonly warnings: readonly string[];
}

/**
 * A document as an object of its kind: pruned of what is not known, defaults filled in.
 * @throws StatusError when something is not known and `validation` is Strict
 */
export function decode(type: ResourceType, document: JsonObject, validation: FieldValidation): Decoded {
  const unknown: string[] = [];
  const metadata = readMetadata(document['metadata'], unknown);
  const admitted = admit(type.schema, document);
  const complaints = [...admitted.unknown, ...unknown].map((path) => `unknown field ${JSON.stringify(path)}`);
  if (complaints.length > 0 && validation === 'Strict') throw strictError(type, complaints);
  const object = {
    ...(admitted.value as JsonObject),
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata,
  };
  return { object, warnings: validation === 'Warn' ? complaints : [] };
}

/** As `decode`, without defaults: of a configuration that is applied only what it names counts. */
export function withoutDefaults(type: ResourceType, document: JsonObject, validation: FieldValidation): Decoded {
  const { unknown } = admit(type.schema, document);
  const { object, warnings } = decode(type, document, validation);
  const { metadata } = object;
  const named = withoutPaths(document, unknown);
  return { object: { ...named, apiVersion: object.apiVersion, kind: object.kind, metadata }, warnings };
}

function strictError(type: ResourceType, complaints: readonly string[]): Error {
  const what = `strict decoding error: ${complaints.join(', ')}`;
  const version = JSON.stringify(type.version);
  return badRequest(
    type.origin === 'custom' ? what : `${type.kind} in version ${version} cannot be handled as a ${type.kind}: ${what}`,
  );
}

/**
 * Checks an object against the rules of its kind.
 * @throws StatusError (422)
 */
export function validate(type: ResourceType, object: KubeDocument, before: KubeDocument | undefined): void {
  const causes = [...metadataCauses(type, object), ...schemaCauses(type, object, before)];
  if (causes.length > 0) throw invalid(type, object.metadata.name ?? '', causes);
}

function schemaCauses(type: ResourceType, object: KubeDocument, before: KubeDocument | undefined): StatusCause[] {
  const { errors } = admit(type.schema, object, before);
  return errors.map((error) => causeOf(error, object));
}

function causeOf({ field, cause, message }: FieldError, object: KubeDocument): StatusCause {
  switch (cause) {
    case 'FieldValueTypeInvalid': {
      const found = /"([^"]*)"$/.exec(message)?.[0] ?? '""';
      return { reason: cause, message: `Invalid value: ${found}: ${field} in body ${message}`, field };
    }
    case 'FieldValueInvalid': {
      const value = JSON.stringify(valueAt(object, field));
      const [, should] = /^.*?((?:should|must) .*)$/.exec(message) ?? [];
      const isOfSchema = should !== undefined && (message.startsWith(`${value} `) || message.startsWith('should '));
      const text = isOfSchema ? `${field} in body ${should}` : message;
      return { reason: cause, message: `Invalid value: ${value}: ${text}`, field };
    }
    default:
      return { reason: cause, message, field };
  }
}

function valueAt(object: KubeDocument, field: string): unknown {
  if (field === '<root>') return without(object);
  let value: unknown = object;
  for (const [part] of field.matchAll(/[^.[\]]+/g)) value = (value as JsonObject | undefined)?.[part];
  return value;
}
