import type { AmiPolicySpec } from '../api/ami-policy.ts';
import type { Contest } from './contests.ts';
import type { Owner } from './identity.ts';
import {
  type Allowance,
  type Answer,
  type Image,
  type Inventory,
  type LaunchGrants,
  type Target,
  type TargetKey,
  type TargetView,
  targetKey,
} from './model.ts';
import type { NodeClass } from './node-classes.ts';
import type { Part, PlanDraft } from './plan.ts';
import type { RefusedCopy } from './refused-copies.ts';
import type { Standings } from './standing.ts';
import type { Attempt } from './token.ts';
import type { VersionSet } from './versions.ts';

/** A policy of this cluster, as others with the same source see it. */
export interface Rival {
  readonly owner: Owner;
  readonly spec: AmiPolicySpec;
  readonly createdAt: number;
}

/** Everything that a plan follows from. Data only: the same input always gives the same plan. */
export interface PlanInput {
  /** Milliseconds since the epoch, by the clock of AWS where it is known. */
  readonly now: number;
  /** When this pass began, by the same clock: what was done since then was done in it. Default: now. */
  readonly began?: number;
  readonly spec: AmiPolicySpec;
  readonly owner: Owner;
  /** When the policy object was created: of two policies that want the same, the older one has it. */
  readonly createdAt: number;
  readonly deleting: boolean;
  /** The operator confirmed, for this generation of the spec, that so many versions are to be withdrawn. */
  readonly withdrawalConfirmed: boolean;
  /** What the annotation must say to confirm it. Default: the words for the generation of the object. */
  readonly confirmation?: string;
  /** Every target that matters: those of the spec, the source, and those where copies of this policy were found. */
  readonly targets: ReadonlyMap<TargetKey, TargetView>;
  /** The policies of this cluster with the same source; this one may be among them, and comes before none. */
  readonly rivals: readonly Rival[];
  /** How often what this policy gives or takes came undone by somebody else, by `contestKey`. Default: never. */
  readonly contests?: ReadonlyMap<string, Contest>;
  /** Copies that EC2 has refused lately although their origin was opened for them, by their token. Default: none. */
  readonly refusedCopies?: ReadonlyMap<string, RefusedCopy>;
  /** Whether this policy has published something before, so that parameters of it may be left. Default: not. */
  readonly published?: boolean;
  /** Accounts and targets that the owner of the policy has given up. Default: none. */
  readonly abandoned?: readonly string[];
  /** What was to be given up as well, and names neither an account nor a target. Default: nothing. */
  readonly unreadable?: readonly string[];
  /**
   * Targets with copies of this policy in accounts that have lost the label of its selector. Nothing is done there; only
   * copies that are under way count, because what they are made from must stay as it is. Default: none.
   */
  readonly letGo?: ReadonlyMap<TargetKey, TargetView>;
  /** UIDs of the policies that this cluster holds; undefined where that is not known (file mode). */
  readonly livePolicies?: ReadonlySet<string>;
  /** The EC2NodeClasses of this cluster; undefined where there is none (file mode). */
  readonly nodeClasses?: Answer<readonly NodeClass[]>;
  /** Copies that are known to be lost, by `foreignKey` of their target and source: the attempt that comes next. */
  readonly lost: ReadonlyMap<string, Attempt>;
  /**
   * From when on, milliseconds since the epoch, whatever this controller may have written before its last start is
   * visible for certain. Until then a tag that is not there may only be unseen. Default: it is visible.
   */
  readonly settlesAt?: number;
  /** Ids of the versions whose deletion was begun today. */
  readonly deletedToday: ReadonlySet<string>;
  readonly limits: Limits;
}

export interface Limits {
  /** How many copies EC2 lets run into one target at a time. */
  readonly copiesInFlight: number;
  /** How many images EC2 lets an account have in a region, unless it has asked for more. */
  readonly images: number;
  /** Wanted versions above this are taken for a mistake in the selector. */
  readonly wantedVersions: number;
  /** How many public images EC2 lets an account have in a region. */
  readonly publicImages: number;
  /** False: whoever started the controller forbade all deletions. */
  readonly allowDelete: boolean;
  /** Whether `retention.inUse: Ignore` counts. */
  readonly allowIgnoreInUse: boolean;
}

/** ec2-facts: 300 concurrent copies into a region, 50,000 images in it. */
export const DEFAULT_LIMITS: Limits = {
  copiesInFlight: 300,
  images: 50_000,
  wantedVersions: 1000,
  publicImages: 5,
  allowDelete: true,
  allowIgnoreInUse: false,
};

/** A plan in the making: the input, what was first concluded from it, and the draft that the parts write to. */
export interface Pass extends PlanInput {
  readonly set: VersionSet;
  readonly standings: Standings;
  readonly draft: PlanDraft;
}

/** Whether nothing may be written in a target. */
export function isReadOnly(input: PlanInput, target: Target): boolean {
  const view = input.targets.get(targetKey(target));
  return view?.kind === 'observed' && view.readOnly;
}

/** Whether the AwsAccount of a target allows what is refused unless it is listed there. */
export function isAllowed(input: PlanInput, target: Target, what: Allowance): boolean {
  const view = input.targets.get(targetKey(target));
  return view?.kind === 'observed' && view.allow.includes(what);
}

/** The inventory of a target; undefined when it was not observed. */
export function inventoryOf(input: PlanInput, target: Target): Inventory | undefined {
  const view = input.targets.get(targetKey(target));
  return view?.kind === 'observed' ? view.inventory : undefined;
}

/**
 * Who may launch an image. Undefined while that is not known: then it was put among what has to be asked, or the
 * refusal of AWS was written down, and nothing may be concluded.
 */
export function launchGrantsOf(
  pass: Pass,
  target: Target,
  image: Image,
  subject: string,
  part: Part,
): LaunchGrants | undefined {
  const answer = inventoryOf(pass, target)?.launchGrants.get(image.id);
  if (answer?.ok) return answer.value;
  if (!answer) pass.draft.need({ kind: 'launchGrants', target, imageId: image.id });
  else {
    pass.draft.block({
      part,
      code: 'PermissionsUnknown',
      subject,
      target,
      message: `the launch permissions of ${image.id} could not be read: ${answer.why}. Nothing that depends on them is done until they can`,
      effect: 'retries',
    });
  }
  return undefined;
}

/** Until when a tag of ours that is not there may have been written before the last start; undefined: it was not. */
export function unsettledUntil({ settlesAt, now }: PlanInput): number | undefined {
  return settlesAt !== undefined && now < settlesAt ? settlesAt : undefined;
}

/** `web-base-7 (ami-0abc)`. */
export const label = (name: string, id: string): string => `${name} (${id})`;
