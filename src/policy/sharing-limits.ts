import { contestKey, heldUntil } from './contests.ts';
import { count, granteesOf } from './launch-grants.ts';
import { managedKeyOf } from './managed-key.ts';
import type { Image, LaunchGrants, Target } from './model.ts';
import type { Pass } from './pass.ts';

/** What a refusal is about. */
export interface Place {
  readonly target: Target;
  readonly subject: string;
}

/** ec2-facts, section 3: accounts, organisations and units together, for one image. */
const MOST_ENTITIES = 1000;

/** Whether EC2 takes so many entities on one image, unlisted ones that stay included. */
export function fitsQuota(
  pass: Pass,
  current: LaunchGrants,
  add: LaunchGrants,
  remove: LaunchGrants,
  { target, subject }: Place,
): boolean {
  const entities = (grants: LaunchGrants): number => count({ ...grants, public: false });
  const after = entities(current) + entities(add) - entities(remove);
  if (after <= MOST_ENTITIES) return true;
  pass.draft.block({
    part: 'sharing',
    code: 'SharingQuota',
    subject,
    target,
    message: `it would be shared with ${after} accounts, organisations and units, and EC2 takes ${MOST_ENTITIES}: nobody is added. List fewer, or name organisations and units in place of accounts`,
    effect: 'stalls',
  });
  return false;
}

/**
 * Whether what is encrypted can be shared at all: not under the key that AWS manages. What is not known is tried, and EC2
 * says.
 */
export function mayBeShared(pass: Pass, image: Image, { target, subject }: Place): boolean {
  const key = managedKeyOf(pass, image, target);
  if (key.kind !== 'managed') return key.kind === 'none';
  pass.draft.block({
    part: 'sharing',
    code: 'UnderManagedKey',
    subject,
    target,
    message: `${key.snapshotId} is encrypted with the key that AWS manages (${key.arn}), and such an image can never be shared. Set kmsKeyId of ${target.region} to a key of your own, and it is replaced`,
    effect: 'stalls',
  });
  return false;
}

/**
 * The grants that are put right now. What keeps coming undone is another writer's work: it is named, and put right ever
 * more slowly.
 */
export function uncontested(
  pass: Pass,
  resource: string,
  what: 'add' | 'remove',
  grants: LaunchGrants,
  place: Place,
): LaunchGrants {
  const isFree = (grantee: string): boolean => isUncontested(pass, resource, what, grantee, place);
  const free = new Set(granteesOf(grants).filter(isFree));
  return {
    accounts: grants.accounts.filter((each) => free.has(each)),
    organizations: grants.organizations.filter((each) => free.has(each)),
    organizationalUnits: grants.organizationalUnits.filter((each) => free.has(each)),
    public: free.has('everyone'),
  };
}

/** Whether one grant may be put right now; where it may not, that is said. */
export function isUncontested(
  pass: Pass,
  resource: string,
  what: 'add' | 'remove',
  grantee: string,
  { target, subject }: Place,
): boolean {
  const contest = pass.contests?.get(contestKey(resource, what, grantee));
  const until = heldUntil(contest, pass.now);
  if (until === undefined) return true;
  pass.draft.block({
    part: 'sharing',
    code: 'DriftContested',
    subject: `${subject}, ${grantee}`,
    target,
    message: `somebody else keeps ${what === 'add' ? `taking it from ${grantee}` : `giving it to ${grantee}`}, after this policy has put that right ${contest?.count} times: see in CloudTrail who calls ModifyImageAttribute, and let one of the two give way. It is put right again ever more slowly`,
    effect: 'stalls',
  });
  pass.draft.wait({ part: 'sharing', subject, target, message: `${grantee} is contested by another writer`, until });
  return false;
}
