import { isDeepStrictEqual } from 'node:util';
import type { AmiPolicy } from '../api/ami-policy.ts';
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

/** Whether a policy names an account, or may come to use it, or cease to, by its labels. */
export const mayUse = ({ spec }: AmiPolicy, account: string): boolean =>
  spec.source.account === account ||
  spec.accountSelector !== undefined ||
  spec.accounts?.some(({ id }) => id === account) === true;
