import { isRead } from './error-table.ts';

/** How a token bucket of AWS is made. */
export interface Size {
  /** Calls that can be made at once. */
  readonly burst: number;
  /** Tokens that come back in a second. */
  readonly refill: number;
}

/** ec2-facts, section 4, for the actions that this program calls. */
const SIZES: ReadonlyMap<string, Size> = new Map([
  ['CopyImage', { burst: 100, refill: 1 }],
  ['DeregisterImage', { burst: 100, refill: 5 }],
  ['ModifyImageAttribute', { burst: 100, refill: 5 }],
  ['ModifySnapshotAttribute', { burst: 100, refill: 5 }],
  ['DeleteSnapshot', { burst: 100, refill: 5 }],
  ['CreateTags', { burst: 100, refill: 10 }],
  ['DeleteTags', { burst: 100, refill: 10 }],
  // By the standard throughput of SSM, which is not documented per action for all of them.
  ['PutParameter', { burst: 3, refill: 3 }],
  ['AddTagsToResource', { burst: 5, refill: 5 }],
  ['DeleteParameter', { burst: 5, refill: 5 }],
  ['DescribeParameters', { burst: 5, refill: 3 }],
]);
const READS: Size = { burst: 100, refill: 20 };
const OTHER_WRITES: Size = { burst: 50, refill: 5 };

/** The bucket that AWS has for an action in each account and region. */
export const sizeOf = (action: string): Size => SIZES.get(action) ?? (isRead(action) ? READS : OTHER_WRITES);
