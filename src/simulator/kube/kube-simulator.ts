import type { Clock } from '../../ambient/clock.ts';
import type { Random } from '../../ambient/random.ts';
import { BUILTIN_RESOURCES } from './builtin-resources.ts';
import { customResources } from './custom-resources.ts';
import { DEFINITIONS, storedDefinitions } from './definitions.ts';
import {
  aggregatedDiscovery,
  aggregatedVersion,
  coreVersions,
  groupDocument,
  groupList,
  resourceList,
  SERVER_VERSION,
} from './discovery.ts';
import type { KubeDocument } from './document.ts';
import { type Fault, type FaultKind, FaultList } from './faults.ts';
import { Objects } from './objects.ts';
import { openApiDocument, openApiIndex } from './openapi.ts';
import type { KubeSimAnswer, KubeSimRequest } from './request.ts';
import { ResourceHandler } from './resource-handler.ts';
import type { ResourceType, Verb } from './resource-type.ts';
import { type ResourceRoute, type Route, routeOf, verbOf } from './route.ts';
import { methodNotAllowed, notFound, StatusError, staleWrite } from './status-error.ts';
import { Store } from './store.ts';
import { Watcher } from './watcher.ts';
import { Writer } from './writer.ts';

export interface KubeSimulatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How many changes are remembered for watches and lists in pages. Default: 10,000. */
  readonly historyLimit?: number;
  /** Kinds of others that are installed, too. Default: none. */
  readonly kinds?: readonly ResourceType[];
}

/** A write that was made. */
export interface Write {
  /** `amipolicies.amifleet.io`, `namespaces`, `leases.coordination.k8s.io` or `events.events.k8s.io`. */
  readonly resource: string;
  /** Absent when the object was created. */
  readonly before?: KubeDocument;
  /** Absent when the object is gone. */
  readonly after?: KubeDocument;
}

const FIRST_NAMESPACES = ['default', 'kube-system'];
const HISTORY_LIMIT = 10_000;

/**
 * A Kubernetes API server in memory, for our own kinds and what goes with them. It has no sockets (`serveKube` gives it
 * one), no clock of its own and no randomness of its own. Every request is done when `handle` returns; only a watch
 * goes on.
 */
export class KubeSimulator {
  readonly #types: readonly ResourceType[];
  readonly #store: Store;
  readonly #watcher: Watcher;
  readonly #resources: ResourceHandler;
  readonly #faults = new FaultList();

  constructor({ clock, random, historyLimit = HISTORY_LIMIT, kinds = [] }: KubeSimulatorOptions) {
    this.#types = [...BUILTIN_RESOURCES, DEFINITIONS, ...customResources(), ...kinds];
    this.#store = new Store(historyLimit);
    this.#watcher = new Watcher(this.#store, clock, random);
    const objects = new Objects(this.#store, this.#types);
    const writer = new Writer(objects, clock, random);
    this.#resources = new ResourceHandler({ store: this.#store, objects, watcher: this.#watcher, writer, clock });
    for (const definition of storedDefinitions(clock, random)) this.#store.put(DEFINITIONS.storage, definition);
    const namespaces = this.#types.find(({ plural }) => plural === 'namespaces');
    for (const name of namespaces ? FIRST_NAMESPACES : []) {
      const options = { fieldManager: 'kube-apiserver', validation: 'Ignore', dryRun: false, force: false } as const;
      if (namespaces) writer.create(namespaces, undefined, { metadata: { name } }, options);
    }
  }

  handle(request: KubeSimRequest): KubeSimAnswer {
    try {
      const url = new URL(request.url, 'http://kube.invalid');
      const route = routeOf(this.#types, url.pathname);
      if (!route) return NO_SUCH_PATH;
      if (route.kind !== 'resource') return this.#document(request, route);
      return this.#resource(request, route, url.searchParams);
    } catch (error) {
      return failure(error instanceof StatusError ? error : internalError(error));
    }
  }

  /**
   * Calls `listener` after each write that was made, dry runs left out, before its request is answered. What it throws
   * becomes a 500 of that request, so it had better note than throw.
   * @returns a function that takes it away again
   */
  onWrite(listener: (write: Write) => void): () => void {
    return this.#store.onChange(({ storage, before, after }) =>
      listener({ resource: storage, ...(before && { before }), ...(after && { after }) }),
    );
  }

  /** The faults that requests meet from now on, in the place of those set before. */
  setFaults(faults: readonly Fault[]): void {
    this.#faults.set(faults);
  }

  /** Breaks every open watch. */
  cutWatches(): void {
    for (const stream of this.#watcher.streams) stream.end(new Error('the watch was cut'));
  }

  /** Every open watch tells nothing more, and does not end either. */
  silenceWatches(): void {
    for (const stream of this.#watcher.streams) stream.silence();
  }

  /** Forgets the changes up to now: a watch from before is answered with 410, and so is the next page of a list. */
  compact(): void {
    this.#store.compact();
  }

  #document({ method, headers }: KubeSimRequest, route: Exclude<Route, ResourceRoute>): KubeSimAnswer {
    if (method !== 'GET' && method !== 'HEAD') return NO_SUCH_PATH;
    const aggregated = aggregatedVersion(headers?.['accept']);
    switch (route.kind) {
      case 'health':
        return { kind: 'answer', status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'ok' };
      case 'version':
        return json(200, SERVER_VERSION);
      case 'coreVersions':
        return aggregated ? this.#aggregated('api', aggregated) : json(200, coreVersions());
      case 'groups':
        return aggregated ? this.#aggregated('apis', aggregated) : json(200, groupList(this.#types));
      case 'group':
        return json(200, groupDocument(this.#types, route.group));
      case 'resources':
        return json(200, resourceList(this.#types, route.group, route.version));
      default:
        return this.#openApi(route.path);
    }
  }

  #openApi(path: string): KubeSimAnswer {
    if (path === 'v3') return json(200, openApiIndex(this.#types));
    const document = path.startsWith('v3/') ? openApiDocument(this.#types, path.slice(3)) : undefined;
    return document ? json(200, document) : NO_SUCH_PATH;
  }

  #aggregated(root: 'api' | 'apis', version: string): KubeSimAnswer {
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const body = JSON.stringify(aggregatedDiscovery(this.#types, root, version));
    return { kind: 'answer', status: 200, headers: { 'content-type': type }, body };
  }

  #resource(request: KubeSimRequest, route: ResourceRoute, query: URLSearchParams): KubeSimAnswer {
    const verb = verbOf(request.method, route, query);
    const isWithin = route.subresource === undefined || (verb !== undefined && OF_SUBRESOURCES.has(verb));
    if (!verb || !route.type.verbs.includes(verb) || !isWithin) throw methodNotAllowed(route.type, verb ?? 'create');
    if (route.subresource !== undefined && !route.type.hasStatus) throw notFound(route.type, route.name ?? '');
    const { plural } = route.type;
    const fault = this.#faults.take({ verb, resource: plural, subresource: route.subresource });
    const instead = fault && insteadOf(fault, route);
    if (instead) return instead;
    const answer = this.#resources.handle(request, route, verb, query);
    if (fault === 'reset-after') return { kind: 'reset' };
    return fault === 'silent-after' ? { kind: 'silence' } : answer;
  }
}

const OF_SUBRESOURCES: ReadonlySet<Verb> = new Set(['get', 'update', 'patch']);

const NO_SUCH_PATH: KubeSimAnswer = {
  kind: 'answer',
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: '404 page not found\n',
};

/** What comes back from a request that is not done. */
function insteadOf(fault: FaultKind, { type, name = '' }: ResourceRoute): KubeSimAnswer | undefined {
  switch (fault) {
    case 'throttle': {
      const message = 'too many requests, please try again later';
      return failure(new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds: 1 }));
    }
    case 'server-error':
      return failure(new StatusError(500, 'InternalError', 'Internal error occurred: a fault was set'));
    case 'conflict':
      return failure(staleWrite(type, name));
    case 'reset-before':
      return { kind: 'reset' };
    case 'silent-before':
      return { kind: 'silence' };
    default:
      return undefined;
  }
}

const internalError = (error: unknown): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${String(error)}`);

function failure(error: StatusError): KubeSimAnswer {
  const retry = error.details?.retryAfterSeconds;
  return json(error.code, error.toStatus(), retry === undefined ? {} : { 'retry-after': `${retry}` });
}

const json = (status: number, document: unknown, headers: Readonly<Record<string, string>> = {}): KubeSimAnswer => ({
  kind: 'answer',
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: `${JSON.stringify(document)}\n`,
});
