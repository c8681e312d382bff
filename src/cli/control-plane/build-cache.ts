import { homedir } from 'node:os';
import { join } from 'node:path';

/** A folder for what this project's tests build, outside the checkout: in AMIFLEET_TEST_CACHE, or the user's cache folder. */
export function buildCache(name: string, environment: NodeJS.ProcessEnv): string {
  const base =
    environment['AMIFLEET_TEST_CACHE'] ?? join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'amifleet');
  return join(base, name);
}
