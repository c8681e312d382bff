import { parse } from 'yaml';
import { isObject, type JsonObject } from './json-object.ts';
import { rawMetadata } from './metadata-rules.ts';
import { PROTOBUF } from './protobuf-namespace.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import { badRequest, invalid, unsupportedMediaType } from './status-error.ts';

const READABLE = ['application/json', 'application/yaml'];

/** The media type without its parameters. */
export const mediaType = (contentType: string | undefined): string =>
  (contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

/**
 * The object in a request's body, JSON or YAML.
 * @throws StatusError when it cannot be read or is of another kind
 */
export function readDocument(type: ResourceType, body: string, contentType: string | undefined): JsonObject {
  const media = mediaType(contentType);
  if (!READABLE.includes(media)) {
    throw unsupportedMediaType([...READABLE, PROTOBUF]);
  }
  const document = media === 'application/json' ? readJson(body) : readYaml(body);
  if (!isObject(document)) throw badRequest('the body of the request must be an object');
  checkKind(type, document);
  return document;
}

/** @throws StatusError when the document names another kind than that of the path, or none */
export function checkKind(type: ResourceType, document: JsonObject): void {
  const { kind, apiVersion } = document;
  if (type.origin === 'builtin' && (kind === undefined || kind === '') && apiVersion === undefined) return;
  if (typeof kind !== 'string' || kind === '') {
    throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(document)}'`);
  }
  if (apiVersion !== apiVersionOf(type)) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${apiVersionOf(type)})`,
    );
  }
  if (kind === type.kind) return;
  const message = `Invalid value: ${JSON.stringify(kind)}: must be ${type.kind}`;
  const { name } = rawMetadata(document);
  throw invalid({ group: type.group, kind }, typeof name === 'string' ? name : '', [
    { reason: 'FieldValueInvalid', message, field: 'kind' },
  ]);
}

export function readJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw badRequest(`error decoding: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function readYaml(body: string): unknown {
  try {
    return parse(body);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
