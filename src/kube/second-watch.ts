import type { Clock } from '../ambient/clock.ts';
import type { KubeObject } from './kube-object.ts';
import type { ResourceClient, WatchOptions } from './resource-client.ts';
import { Watchdog } from './watchdog.ts';

/** It lasts a second; one that takes longer than this has gone silent itself. */
const TIMEOUT_MS = 5000;

/**
 * Asks by a watch of one second, over another connection, what has changed after a version. It costs the server next to
 * nothing: a watch is answered from its cache.
 * @returns the version of the first change; undefined when there is none, and when it could not be asked, which whoever
 *   watches beside it finds out by itself
 * @throws the signal's reason when that aborts
 */
export async function firstChangeAfter<T extends KubeObject>(
  client: ResourceClient<T>,
  where: Pick<WatchOptions, 'namespace' | 'labelSelector' | 'resourceVersion'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = new Watchdog(clock, TIMEOUT_MS, signal);
  try {
    const options = { ...where, timeoutSeconds: 1, tries: 1, signal: limit.signal };
    for await (const event of await client.watch(options))
      if (event.type !== 'BOOKMARK') return event.object.metadata.resourceVersion;
  } catch {
    signal.throwIfAborted();
  } finally {
    limit.release();
  }
  return undefined;
}
