import { type Answer, DAY_MS, type Image, type LaunchGrants, type References } from './model.ts';
import { describe, isNothing } from './sharing.ts';

/** Whether an image is in use, with what that is concluded from. Unknown is never taken for a no. */
export type Evidence =
  | { readonly verdict: 'inUse'; readonly because: readonly string[] }
  | { readonly verdict: 'notInUse'; readonly because: readonly string[] }
  | { readonly verdict: 'unknown'; readonly because: readonly string[] };

/** A launch younger than this counts as use. */
const MIN_UNUSED_DAYS = 30;

/**
 * Judges one image.
 * @param grants who may launch it, beside its owner: what they do with it cannot be seen from here
 * @param references what refers to it in its own account, all versions of launch templates included
 */
export function judgeUse(image: Image, grants: LaunchGrants, references: Answer<References>, now: number): Evidence {
  const used: string[] = [];
  const unknown: string[] = [];
  const unused: string[] = [];

  if (!references.ok) unknown.push(`its references could not be read: ${references.why}`);
  else if (references.value.length > 0) used.push(`referenced by ${some(references.value)}`);
  else unused.push('nothing in its account refers to it');

  if (image.lastLaunchedAt === undefined) unused.push('no launch is recorded');
  else {
    const days = Math.max(0, Math.floor((now - image.lastLaunchedAt) / DAY_MS));
    if (days < MIN_UNUSED_DAYS) used.push(`launched ${days} days ago, less than ${MIN_UNUSED_DAYS}`);
    else unused.push(`last launched ${days} days ago`);
  }

  if (isNothing(grants)) unused.push('it is shared with nobody');
  else
    unknown.push(
      `it is shared with ${describe(grants)}, and what they run cannot be seen. Take the grant back once they need it no more: what is surplus is not shared again`,
    );

  if (used.length > 0) return { verdict: 'inUse', because: used };
  if (unknown.length > 0) return { verdict: 'unknown', because: unknown };
  return { verdict: 'notInUse', because: unused };
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
