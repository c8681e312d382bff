import { KubeError } from './errors.ts';
import type { KubeObject } from './kube-object.ts';
import { failureOfEvent } from './status-failure.ts';

/** One event of a watch. An ERROR event is no event here: it is thrown. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed up to this version. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/**
 * Reads the lines of a watch as events.
 * @throws KubeError with the status of an ERROR event, and reason `BadAnswer` for a line that cannot be read: it may
 *   have been a change, so whoever keeps a copy must list again
 */
export async function* watchEvents<T extends KubeObject>(
  what: string,
  lines: AsyncIterable<string>,
): AsyncGenerator<WatchEvent<T>, void> {
  for await (const line of lines) {
    if (line.trim() !== '') yield eventOf<T>(what, line);
  }
}

function eventOf<T extends KubeObject>(what: string, line: string): WatchEvent<T> {
  const unreadable = (why: string): KubeError => new KubeError(`${what}: ${why}`, { status: 200, reason: 'BadAnswer' });
  let event: { readonly type?: unknown; readonly object?: Partial<KubeObject> | null } | null;
  try {
    event = JSON.parse(line);
  } catch {
    throw unreadable('the server sent a line that is not JSON');
  }
  const type = event?.type;
  const object = event?.object;
  if (type === 'ERROR') throw failureOfEvent(what, object);
  if (typeof object?.metadata !== 'object' || object.metadata === null)
    throw unreadable('the server sent an event without an object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      if (typeof object.metadata.name !== 'string') throw unreadable('the server sent an object without a name');
      return { type, object: object as T };
    case 'BOOKMARK':
      if (!object.metadata.resourceVersion) throw unreadable('the server sent a bookmark without a resourceVersion');
      return { type, resourceVersion: object.metadata.resourceVersion };
    default:
      throw unreadable('the server sent an event of a type that does not exist');
  }
}
