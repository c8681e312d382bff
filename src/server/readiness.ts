import { CONTROLLERS, type Parts } from '../controller/observer.ts';

/**
 * In calm the API server gives a sign of life every minute. Two and a half minutes of silence and the watch is begun
 * anew; when that has not helped half a minute later, what this replica knows of the cluster is out of date.
 */
const STALE_MS = 180_000;

/**
 * Why a replica is not ready; undefined: its caches are filled and fresh, and so the API server serves the kinds of
 * amifleet. One that stands by is ready, too: it can take over at once.
 * @param now monotonic milliseconds
 */
export function unreadyBecause(parts: Pick<Parts, 'views'> | undefined, now: number): string | undefined {
  for (const controller of CONTROLLERS) {
    const heard = parts?.views[controller].lastContact();
    if (heard === undefined) return `the cache of ${controller} is not filled yet`;
    const silentMs = now - heard;
    if (silentMs > STALE_MS)
      return `the cache of ${controller} is stale: the API server was last heard of ${Math.round(silentMs / 1000)} s ago; ${STALE_MS / 1000} s is the limit`;
  }
  return undefined;
}
