import type { KubeDocument } from './document.ts';
import { type JsonObject, without } from './json-object.ts';
import { apiVersionOf, inForm, type ResourceType } from './resource-type.ts';
import { fieldSelector, labelSelector, type Selector } from './selectors.ts';
import { badRequest, expired, StatusError } from './status-error.ts';
import { Compacted, type Store } from './store.ts';

/** Which objects of a resource are asked for. */
export interface Scope {
  readonly type: ResourceType;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export interface Listed {
  readonly items: readonly KubeDocument[];
  readonly metadata: JsonObject;
}

/**
 * Which objects a request wants, in the form of their resource.
 * @throws StatusError when a selector cannot be read
 */
export function wanted({ type, namespace, name }: Scope, query: URLSearchParams): Selector {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(type, query.get('fieldSelector') ?? '');
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels(object) &&
    fields(object);
}

/**
 * A list, or a page of one: `limit` and `continue`, all pages as of the same revision.
 * @throws StatusError
 */
export function list(store: Store, scope: Scope, query: URLSearchParams): Listed {
  const { type } = scope;
  const matches = wanted(scope, query);
  const limit = wholeNumber(query, 'limit');
  const page = startOf(query);
  const revision = page?.revision ?? exactRevision(store, query) ?? store.revision;
  const objects = objectsAt(store, type.storage, revision, page !== undefined)
    .map((object) => inForm(type, object))
    .filter(matches);
  const rest = objects.filter((object) => page === undefined || orderOf(object) > page.after);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const left = rest.length - items.length;
  const last = items.at(-1);
  const selects = query.get('labelSelector') || query.get('fieldSelector');
  return {
    items,
    metadata: {
      resourceVersion: `${revision}`,
      ...(left > 0 && last
        ? { continue: token({ revision, after: orderOf(last) }) }
        : type.origin === 'custom' && { continue: '' }),
      ...(left > 0 && !selects && { remainingItemCount: left }),
    },
  };
}

/** The list as it is sent. Items of builtin kinds come without their kind. */
export function listDocument(type: ResourceType, { items, metadata }: Listed): JsonObject {
  return {
    apiVersion: apiVersionOf(type),
    items: type.origin === 'custom' ? items : items.map((item) => without(item, 'apiVersion', 'kind')),
    kind: type.listKind,
    metadata,
  };
}

interface Page {
  readonly revision: number;
  /** The last object of the page before. */
  readonly after: string;
}

const orderOf = ({ metadata }: KubeDocument): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
const token = (page: Page): string => Buffer.from(JSON.stringify(page)).toString('base64url');

function startOf(query: URLSearchParams): Page | undefined {
  const text = query.get('continue');
  if (!text) return undefined;
  try {
    const { revision, after } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Page>;
    if (typeof revision === 'number' && typeof after === 'string') return { revision, after };
  } catch {
    // Not made by us; said below.
  }
  throw badRequest('continue key is not valid');
}

function exactRevision(store: Store, query: URLSearchParams): number | undefined {
  const asked = query.get('resourceVersion') ?? '';
  if (asked === '' || asked === '0') return undefined;
  const revision = readRevision(asked);
  if (revision > store.revision) throw tooLarge(revision, store.revision);
  return query.get('resourceVersionMatch') === 'Exact' ? revision : undefined;
}

/** @throws StatusError when it is no revision */
export function readRevision(text: string): number {
  if (!/^\d+$/.test(text))
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

const tooLarge = (asked: number, current: number): StatusError =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

function objectsAt(store: Store, storage: string, revision: number, isPage: boolean): readonly KubeDocument[] {
  try {
    return revision === store.revision ? store.all(storage) : store.allAt(storage, revision);
  } catch (error) {
    if (!(error instanceof Compacted)) throw error;
    if (!isPage) throw expired(`The resourceVersion for the provided list is too old.`);
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  }
}

/** A number of 0 or more; 0 where there is none. */
export function wholeNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text !== '' && !/^\d+$/.test(text)) throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}`);
  return Number(text);
}
