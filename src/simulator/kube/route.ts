import type { ResourceType, Verb } from './resource-type.ts';

/** What a path means. */
export type Route =
  | { readonly kind: 'health' }
  | { readonly kind: 'version' }
  | { readonly kind: 'coreVersions' }
  | { readonly kind: 'groups' }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'resources'; readonly group: string; readonly version: string }
  | { readonly kind: 'openapi'; readonly path: string }
  | ResourceRoute;

export interface ResourceRoute {
  readonly kind: 'resource';
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** What the path means, or undefined where there is nothing. */
export function routeOf(types: readonly ResourceType[], path: string): Route | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [first = '', second, third, ...rest] = parts;
  switch (first) {
    case 'version':
      return parts.length === 1 ? { kind: 'version' } : undefined;
    case 'healthz':
    case 'livez':
    case 'readyz':
      return { kind: 'health' };
    case 'openapi':
      return { kind: 'openapi', path: parts.slice(1).join('/') };
    case 'api':
      if (second === undefined) return { kind: 'coreVersions' };
      return inVersion(types, '', second, parts.slice(2));
    case 'apis':
      if (second === undefined) return { kind: 'groups' };
      if (!types.some((type) => type.group === second && second !== '')) return undefined;
      return third === undefined ? { kind: 'group', group: second } : inVersion(types, second, third, rest);
    default:
      return undefined;
  }
}

function inVersion(
  types: readonly ResourceType[],
  group: string,
  version: string,
  parts: readonly string[],
): Route | undefined {
  const served = types.filter((type) => type.group === group && type.version === version);
  if (served.length === 0) return undefined;
  if (parts.length === 0) return { kind: 'resources', group, version };
  const find = (plural: string | undefined, namespaced: boolean | undefined): ResourceType | undefined =>
    served.find((type) => type.plural === plural && (namespaced ?? type.namespaced) === type.namespaced);
  const [first, second, third] = parts;
  // `/namespaces/x/status` is a namespace and its status; `/namespaces/x/events` are events in it.
  const inNamespace = first === 'namespaces' && third !== undefined ? find(third, true) : undefined;
  if (inNamespace) return resource(inNamespace, second, parts.slice(3));
  const type = find(first, undefined);
  if (!type || (type.namespaced && parts.length > 1)) return undefined;
  return resource(type, undefined, parts.slice(1));
}

function resource(type: ResourceType, namespace: string | undefined, parts: readonly string[]): Route | undefined {
  const [name, subresource] = parts;
  const known = subresource === undefined || subresource === 'status';
  if (parts.length > 2 || !known) return undefined;
  return {
    kind: 'resource',
    type,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}

/** What a request does to a resource, as access rules call it. */
export function verbOf(method: string, { name }: ResourceRoute, query: URLSearchParams): Verb | undefined {
  const watches = query.get('watch') === 'true' || query.get('watch') === '1';
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (watches) return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return name === undefined ? undefined : 'update';
    case 'PATCH':
      return name === undefined ? undefined : 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}
