import type { AmiPolicy } from '../api/ami-policy.ts';
import { ABANDON_ANNOTATION, CONFIRM_WITHDRAWAL_ANNOTATION, FINALIZER, RECONCILE_ANNOTATION } from '../api/group.ts';

/** What a change of a policy object asks for. Status writes and labels ask for nothing. */
export type Wish = 'nothing' | 'look' | 'lookAfresh';

/**
 * Whether its user waits for something: what the policy says, or asks for, is not what its status answers to. After a
 * restart such policies come before all those that are merely looked at again.
 */
export function isUnanswered({ metadata, status }: AmiPolicy): boolean {
  return (
    metadata.deletionTimestamp !== undefined ||
    status?.observedGeneration !== metadata.generation ||
    status?.lastHandledReconcile !== metadata.annotations?.[RECONCILE_ANNOTATION]
  );
}

/** @param before the object as it was, undefined when it is new to us */
export function wishOf(before: AmiPolicy | undefined, now: AmiPolicy): Wish {
  if (!before || before.metadata.uid !== now.metadata.uid) return 'look';
  const annotation = (policy: AmiPolicy, key: string): string | undefined => policy.metadata.annotations?.[key];
  // A token that changes means: whatever you remember, look at AWS again.
  if (annotation(before, RECONCILE_ANNOTATION) !== annotation(now, RECONCILE_ANNOTATION)) return 'lookAfresh';
  if (before.metadata.generation !== now.metadata.generation) return 'look';
  if (before.metadata.deletionTimestamp !== now.metadata.deletionTimestamp) return 'look';
  if (annotation(before, CONFIRM_WITHDRAWAL_ANNOTATION) !== annotation(now, CONFIRM_WITHDRAWAL_ANNOTATION))
    return 'look';
  if (annotation(before, ABANDON_ANNOTATION) !== annotation(now, ABANDON_ANNOTATION)) return 'look';
  const had = before.metadata.finalizers?.includes(FINALIZER) === true;
  const has = now.metadata.finalizers?.includes(FINALIZER) === true;
  return had && !has && now.metadata.deletionTimestamp === undefined ? 'look' : 'nothing';
}
