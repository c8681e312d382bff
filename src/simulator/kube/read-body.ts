import { parse } from 'yaml';
import { isObject, type JsonObject } from './json-object.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import { badRequest, unsupportedMediaType } from './status-error.ts';

/** The media type without its parameters. */
export const mediaType = (contentType: string | undefined): string =>
  (contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

/**
 * The object in a request's body, JSON or YAML.
 * @throws StatusError when it cannot be read or is of another kind
 */
export function readDocument(type: ResourceType, body: string, contentType: string | undefined): JsonObject {
  const media = mediaType(contentType);
  if (media !== 'application/json' && media !== 'application/yaml') {
    throw unsupportedMediaType(['application/json', 'application/yaml']);
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
  if (kind !== type.kind || apiVersion !== apiVersionOf(type)) {
    const [group, version] = groupAndVersion(apiVersion);
    const wanted = { group: type.group, version: type.version };
    throw badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${type.kind}: the API version in the data (${group === '' ? version : `${group}/${version}`}) does not match the expected API version (${apiVersionOf(wanted)})`,
    );
  }
}

function groupAndVersion(apiVersion: unknown): readonly [string, string] {
  const text = typeof apiVersion === 'string' ? apiVersion : '';
  const slash = text.indexOf('/');
  return slash < 0 ? ['', text] : [text.slice(0, slash), text.slice(slash + 1)];
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
