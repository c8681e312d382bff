import { admit, type FieldError, keepsRulesFromRunning, shape } from '../../api/validate.ts';
import type { KubeDocument } from './document.ts';
import { type JsonObject, without } from './json-object.ts';
import { metadataCauses, readMetadata } from './metadata-rules.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import { badRequest, invalid, type StatusCause, StatusError } from './status-error.ts';

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
  const shaped = shape(type.schema, document);
  const complaints = [...shaped.unknown, ...unknown].toSorted().map((path) => `unknown field ${JSON.stringify(path)}`);
  if (complaints.length > 0 && validation === 'Strict') throw strictError(type, complaints);
  const object = {
    ...(shaped.value as JsonObject),
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata,
  };
  return { object, warnings: validation === 'Warn' ? complaints : [] };
}

/**
 * A configuration that is applied: only what it names, no defaults, and nothing unknown in it.
 * @throws StatusError
 */
export function readConfiguration(type: ResourceType, document: JsonObject): KubeDocument {
  const unknown: string[] = [];
  const metadata = readMetadata(document['metadata'], unknown);
  unknown.push(...shape(type.schema, document).unknown);
  const apiVersion = apiVersionOf(type);
  if (unknown.length > 0) {
    const complaints = unknown.toSorted().map((path) => `.${path}: field not declared in schema`);
    const list = complaints.length === 1 ? complaints.join('') : ['errors:', ...complaints].join('\n  ');
    const what = `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${apiVersion}, Kind=${type.kind}`;
    throw new StatusError(500, '', `failed to create typed patch object (${what}): ${list}`);
  }
  return { ...document, apiVersion, kind: type.kind, metadata };
}

function strictError({ kind, version }: ResourceType, complaints: readonly string[]): Error {
  const what = `strict decoding error: ${complaints.join(', ')}`;
  return badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${what}`);
}

/**
 * Checks an object against the rules of its kind.
 * @throws StatusError (422)
 */
export function validate(type: ResourceType, object: KubeDocument, before: KubeDocument | undefined): void {
  const ofMetadata = metadataCauses(type, object);
  const causes = [...ofMetadata, ...schemaCauses(type, object, before, ofMetadata)];
  if (causes.length > 0) throw invalid(type, object.metadata.name ?? '', causes);
}

const RULES_NOT_RUN: StatusCause = {
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: '<nil>',
};

function schemaCauses(
  type: ResourceType,
  object: KubeDocument,
  before: KubeDocument | undefined,
  ofMetadata: readonly StatusCause[],
): StatusCause[] {
  // A rule may speak of the name.
  const hasName = !ofMetadata.some(({ reason }) => reason === 'FieldValueRequired');
  const { errors } = admit(hasName ? type.schema : without(type.schema as JsonObject, RULES), object, before);
  const causes = errors.map((error) => causeOf(error, object));
  const ran = hasName && !errors.some(keepsRulesFromRunning);
  return ran || type.origin === 'builtin' ? causes : [...causes, RULES_NOT_RUN];
}

const RULES = 'x-kubernetes-validations';

function causeOf({ field, cause, message }: FieldError, object: KubeDocument): StatusCause {
  // The status is looked at as a document of its own.
  const place = field.replace(/^status\./, '');
  switch (cause) {
    case 'FieldValueTypeInvalid': {
      const found = /"([^"]*)"$/.exec(message)?.[0] ?? '""';
      return { reason: cause, message: `Invalid value: ${found}: ${place} in body ${message}`, field };
    }
    case 'FieldValueInvalid': {
      if (field === '<root>') return { reason: cause, message: `Invalid value: ${message}`, field: '<nil>' };
      const value = valueAt(object, field);
      const shown = Array.isArray(value) ? `${value.length}` : JSON.stringify(value);
      const ofSchema = message.startsWith(`${shown} should `) ? message.slice(shown.length + 1) : message;
      if (ofSchema.startsWith('should ')) {
        return { reason: cause, message: `Invalid value: ${shown}: ${place} in body ${ofSchema}`, field };
      }
      const isWhole = typeof value === 'object' && value !== null;
      return { reason: cause, message: `Invalid value: ${isWhole ? '' : `${shown}: `}${message}`, field };
    }
    case 'FieldValueTooLong':
      // It counts characters and says bytes.
      return { reason: cause, message: message.replace(/characters$/, 'bytes'), field };
    default:
      return { reason: cause, message, field };
  }
}

function valueAt(object: KubeDocument, field: string): unknown {
  let value: unknown = object;
  for (const [part] of field.matchAll(/[^.[\]]+/g)) value = (value as JsonObject | undefined)?.[part];
  return value;
}
