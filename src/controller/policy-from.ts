import { toPolicy } from '../api/documents.ts';
import { onceForEach } from '../policy/once-for-each.ts';

/**
 * A stored policy with its defaults, read once for each time that it changes.
 * @throws what `toPolicy` throws when it cannot be read
 */
export const policyFrom = onceForEach(toPolicy);
