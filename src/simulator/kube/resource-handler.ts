import type { Clock } from '../../ambient/clock.ts';
import type { Address } from './address.ts';
import { deleteObject } from './delete-object.ts';
import type { KubeDocument } from './document.ts';
import { isObject, type JsonObject, without } from './json-object.ts';
import { jsonPatch, PatchFailure } from './json-patch.ts';
import { type Listed, list, listDocument } from './lister.ts';
import { mergePatch } from './merge-patch.ts';
import type { Objects } from './objects.ts';
import { checkKind, mediaType, readDocument, readJson, readYaml } from './read-body.ts';
import type { KubeSimAnswer, KubeSimRequest } from './request.ts';
import type { ResourceType, Verb } from './resource-type.ts';
import type { ResourceRoute } from './route.ts';
import { badRequest, notFound, StatusError, unsupportedMediaType } from './status-error.ts';
import type { Store } from './store.ts';
import { type IncludeObject, tableOf, wantsTable } from './table.ts';
import type { Watcher } from './watcher.ts';
import { deleteOptions, refusalOf, writeOptions } from './write-options.ts';
import type { Writer } from './writer.ts';

const CUSTOM_PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const STRATEGIC = 'application/strategic-merge-patch+json';
const BUILTIN_PATCHES = [...CUSTOM_PATCHES, STRATEGIC];

/** Requests for objects: from HTTP to reads and writes, and back. */
export class ResourceHandler {
  readonly #store: Store;
  readonly #objects: Objects;
  readonly #watcher: Watcher;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(parts: { store: Store; objects: Objects; watcher: Watcher; writer: Writer; clock: Clock }) {
    this.#objects = parts.objects;
    this.#store = parts.store;
    this.#watcher = parts.watcher;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
  }

  /** @throws StatusError */
  handle(request: KubeSimRequest, route: ResourceRoute, verb: Verb, query: URLSearchParams): KubeSimAnswer {
    const { type, namespace, name = '', subresource } = route;
    const { body = '', headers = {} } = request;
    const address: Address = { type, namespace, name, ...(subresource === 'status' && { subresource }) };
    const agent = headers['user-agent'];
    switch (verb) {
      case 'get': {
        const object = this.#objects.find(type, namespace, name);
        if (!object) throw notFound(type, name);
        return this.#object(request, query, type, 200, object);
      }
      case 'list':
        return this.#list(request, route, query);
      case 'watch':
        return this.#watch(request, route, query);
      case 'create': {
        const document = readDocument(type, body, headers['content-type']);
        const { object, warnings } = this.#writer.create(
          type,
          namespace,
          document,
          writeOptions(query, agent, 'CreateOptions'),
        );
        return this.#object(request, query, type, 201, object, warnings);
      }
      case 'update': {
        const document = readDocument(type, body, headers['content-type']);
        const { object, warnings } = this.#writer.update(
          address,
          document,
          writeOptions(query, agent, 'UpdateOptions'),
        );
        return this.#object(request, query, type, 200, object, warnings);
      }
      case 'patch':
        return this.#patch(request, address, query);
      case 'delete': {
        const deleted = deleteObject(
          this.#objects,
          this.#clock,
          address,
          deleteOptions(query, body === '' ? undefined : readJson(body)),
        );
        return deleted.kind === 'waiting'
          ? this.#object(request, query, type, 200, deleted.object)
          : gone(type, deleted.object);
      }
      default: {
        const listed = list(this.#store, route, query);
        const asked = deleteOptions(query, body === '' ? undefined : readJson(body));
        for (const { metadata } of listed.items) {
          const one = { type, namespace: metadata.namespace, name: metadata.name ?? '' };
          deleteObject(this.#objects, this.#clock, one, { dryRun: asked.dryRun });
        }
        return json(200, listDocument(type, listed));
      }
    }
  }

  #patch(request: KubeSimRequest, address: Address, query: URLSearchParams): KubeSimAnswer {
    const { type } = address;
    const { body = '', headers = {} } = request;
    const options = writeOptions(query, headers['user-agent'], 'PatchOptions');
    const accepted = type.origin === 'custom' ? CUSTOM_PATCHES : BUILTIN_PATCHES;
    const media = mediaType(headers['content-type']);
    if (!accepted.includes(media)) throw unsupportedMediaType(accepted);
    if (media === 'application/apply-patch+yaml') {
      if (!query.get('fieldManager')) {
        throw refusalOf('PatchOptions')('fieldManager', 'Required value: is required for apply patch');
      }
      const config = readYaml(body);
      if (!isObject(config)) throw badRequest('the applied configuration must be an object');
      checkKind(type, config);
      const { object, created } = this.#writer.apply(address, config, options);
      return this.#object(request, query, type, created ? 201 : 200, object);
    }
    if (query.get('force') !== null) {
      throw refusalOf('PatchOptions')('force', 'Forbidden: may not be specified for non-apply patch');
    }
    const patch = readJson(body);
    const change = (current: KubeDocument): JsonObject => patched(type, media, current, patch);
    const { object, warnings } = this.#writer.patch(address, change, options);
    return this.#object(request, query, type, 200, object, warnings);
  }

  #list(request: KubeSimRequest, route: ResourceRoute, query: URLSearchParams): KubeSimAnswer {
    const listed: Listed = list(this.#store, route, query);
    if (!wantsTable(request.headers?.['accept'])) return json(200, listDocument(route.type, listed));
    const options = { include: includeOf(query), headers: true, now: this.#clock.now() };
    return json(200, tableOf(route.type, listed.items, tableMetadata(listed), options));
  }

  #watch(request: KubeSimRequest, route: ResourceRoute, query: URLSearchParams): KubeSimAnswer {
    const { type } = route;
    const asTable = wantsTable(request.headers?.['accept']);
    let headers = true;
    const render = (object: KubeDocument): unknown => {
      if (!asTable) return object;
      const { resourceVersion } = object.metadata;
      const table = tableOf(
        type,
        [object],
        { resourceVersion },
        { include: includeOf(query), headers, now: this.#clock.now() },
      );
      headers = false;
      return table;
    };
    const lines = this.#watcher.watch(route, query, render, request.signal);
    return { kind: 'stream', status: 200, headers: { 'content-type': 'application/json' }, lines };
  }

  #object(
    request: KubeSimRequest,
    query: URLSearchParams,
    type: ResourceType,
    status: number,
    object: KubeDocument,
    warnings: readonly string[] = [],
  ): KubeSimAnswer {
    const headers =
      warnings.length > 0 ? { warning: warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ') } : {};
    if (!wantsTable(request.headers?.['accept'])) return json(status, object, headers);
    const { resourceVersion } = object.metadata;
    const options = { include: includeOf(query), headers: true, now: this.#clock.now() };
    return json(status, tableOf(type, [object], { resourceVersion }, options), headers);
  }
}

function patched(type: ResourceType, media: string, current: KubeDocument, patch: unknown): JsonObject {
  let result: unknown;
  if (media === 'application/json-patch+json') {
    if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
    try {
      result = jsonPatch(current, patch);
    } catch (error) {
      if (!(error instanceof PatchFailure)) throw error;
      throw new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
    }
  } else {
    if (!isObject(patch)) throw badRequest('a merge patch must be an object');
    if (media === STRATEGIC && hasDirective(patch)) {
      throw badRequest('directives of strategic merge patches ($patch and others) are not served here');
    }
    result = mergePatch(current, patch);
  }
  if (!isObject(result)) throw badRequest('the patched object must be an object');
  checkKind(type, result);
  return result;
}

/** Without directives, and for the fields that there are, a strategic patch is a merge patch. */
const hasDirective = (value: unknown): boolean =>
  isObject(value) && Object.entries(value).some(([name, child]) => name.startsWith('$') || hasDirective(child));

function gone({ group, plural }: ResourceType, { metadata }: KubeDocument): KubeSimAnswer {
  return json(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: metadata.name, ...(group !== '' && { group }), kind: plural, uid: metadata.uid },
  });
}

/** The last page of a table says nothing of a next one, where a list says that it is empty. */
const tableMetadata = ({ metadata }: Listed): JsonObject =>
  metadata['continue'] === '' ? without(metadata, 'continue') : metadata;

function includeOf(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject');
  return asked === 'None' || asked === 'Object' ? asked : 'Metadata';
}

const json = (status: number, document: unknown, headers: Readonly<Record<string, string>> = {}): KubeSimAnswer => ({
  kind: 'answer',
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: `${JSON.stringify(document)}\n`,
});
