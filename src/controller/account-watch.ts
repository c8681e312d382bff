import { isDeepStrictEqual } from 'node:util';
import type { AwsAccount } from '../api/aws-account.ts';

/**
 * Whether a change of an account concerns policies: its spec, its labels, and that it is to go do. Status and finalizers
 * do not.
 */
export const concernsPolicies = (before: AwsAccount, now: AwsAccount): boolean =>
  before.metadata.generation !== now.metadata.generation ||
  before.metadata.uid !== now.metadata.uid ||
  before.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
  !isDeepStrictEqual(before.metadata.labels, now.metadata.labels);
