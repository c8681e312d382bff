import { type LaunchGrants, type Need, subjectOf, type Tags, type Target, targetKey } from './model.ts';
import type { Attempt } from './token.ts';

/** One mutating AWS call, with everything that goes into it. Repeating it does no harm. */
export type Call =
  | {
      readonly do: 'copy';
      readonly sourceImage: string;
      readonly origin: { readonly imageId: string } & Target;
      readonly name: string;
      readonly description: string;
      /** Written in the call itself on the image and on its snapshots. */
      readonly tags: Tags;
      /** Written in the call itself on the image alone. */
      readonly imageTags: Tags;
      readonly token: string;
      /** The key to encrypt with; undefined: as EC2 does by itself. */
      readonly kmsKeyId?: string;
      readonly attempt: Attempt;
      /** The account that owns the origin, where nobody of us can let anyone read it. */
      readonly foreignOwner?: string;
    }
  /** Makes a copy that somebody else made this policy's, with its snapshots. */
  | {
      readonly do: 'adopt';
      readonly imageId: string;
      readonly snapshots: readonly string[];
      readonly sourceImage: string;
      readonly tags: Tags;
      readonly attempt: Attempt;
    }
  | { readonly do: 'tag'; readonly resources: readonly string[]; readonly tags: Tags }
  | { readonly do: 'untag'; readonly resources: readonly string[]; readonly keys: readonly string[] }
  /** Asks EC2 for a report on who uses an image, in all accounts. */
  | { readonly do: 'requestUsage'; readonly imageId: string; readonly token: string }
  | { readonly do: 'claim'; readonly imageId: string; readonly value: string; readonly instead?: string }
  | { readonly do: 'modifyLaunch'; readonly imageId: string; readonly add: LaunchGrants; readonly remove: LaunchGrants }
  /**
   * Creates a parameter, or changes it: then `instead` is the version that was seen of it. `adopts`: the description of
   * one that somebody else wrote, which is taken over.
   */
  | {
      readonly do: 'putParameter';
      readonly name: string;
      readonly value: string;
      readonly description: string;
      readonly tags: Tags;
      readonly instead?: number;
      readonly adopts?: string;
    }
  | { readonly do: 'deleteParameter'; readonly name: string; readonly description: string }
  /** Lets everybody launch an image: a call of its own, so that no mistake in a list of grants can do it. */
  | { readonly do: 'makePublic'; readonly imageId: string }
  | {
      readonly do: 'modifyVolume';
      readonly snapshotId: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  /** `at`: from when on it is deprecated, milliseconds since the epoch. */
  | { readonly do: 'deprecate'; readonly imageId: string; readonly at: number }
  | { readonly do: 'disable'; readonly imageId: string }
  | { readonly do: 'restore'; readonly imageId: string; readonly what: 'enable' | 'undeprecate' }
  | { readonly do: 'protect'; readonly imageId: string; readonly on: boolean }
  /** `withSnapshots`: the snapshots of the image, all of which may go in the very same call. */
  | { readonly do: 'deregister'; readonly imageId: string; readonly withSnapshots?: readonly string[] }
  | { readonly do: 'deleteSnapshot'; readonly snapshotId: string; readonly of: string };

/** The call of one kind. */
export type CallOf<K extends Call['do']> = Extract<Call, { do: K }>;

export const ACTION_KINDS = [
  'TakeOver',
  'ClaimSource',
  'MarkTemporaryGrant',
  'GrantTemporarily',
  'CopyImage',
  'Adopt',
  'Tag',
  'Share',
  'Unshare',
  'MakePublic',
  'PublishImage',
  'UnpublishImage',
  'ShareSnapshot',
  'UnshareSnapshot',
  'RevokeTemporaryGrant',
  'UnmarkTemporaryGrant',
  'MarkWithdrawn',
  'MarkSurplus',
  'ClearMark',
  'RequestUsageReport',
  'DeprecateImage',
  'MarkStage',
  'DisableImage',
  'EnableImage',
  'UndeprecateImage',
  'ProtectImage',
  'UnprotectImage',
  'MarkForDeletion',
  'KeepSnapshots',
  'CancelCopy',
  'CleanUpFailedCopy',
  'DeregisterImage',
  'DeleteSnapshot',
] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

export interface Action {
  /** Names the action within a plan, the same in every pass that decides the same. */
  readonly id: string;
  readonly kind: ActionKind;
  /** Where the call is made. */
  readonly target: Target;
  /** The version or image, for people. */
  readonly subject: string;
  /** Why, in plain words. */
  readonly reason: string;
  readonly call: Call;
  /** Ids of actions that must have succeeded first. */
  readonly needs: readonly string[];
  /** Ids of actions that must have ended first, well or not. */
  readonly follows: readonly string[];
  /** What cannot be undone: it is checked against the live policy and the live image right before the call. */
  readonly destroys?: Destruction;
  /** GiB that the call moves, for copies. */
  readonly gibibytes?: number;
}

/** What must still hold when the call is made. */
export interface Destruction {
  /** The image it is about, which may be gone when only snapshots are left. */
  readonly imageId: string;
  /** The version, for the daily limit; undefined where that does not count (a failed copy). */
  readonly versionId?: string;
  /** Launch grants known to the decision: another one at the last moment stops it. */
  readonly state: 'available' | 'pending' | 'failed' | 'disabled' | 'gone';
}

/** Which part of the policy an observation speaks of; each part is one condition. */
export type Part = 'access' | 'source' | 'replication' | 'sharing' | 'publishing' | 'retention' | 'deletion';

/** Something that is not done. */
export interface Blocked {
  readonly part: Part;
  /** A stable CamelCase word: condition reason, event reason and metric label. */
  readonly code: string;
  readonly subject: string;
  readonly target?: Target;
  /** What, why, and what to do about it. */
  readonly message: string;
  /**
   * `stalls`: somebody must act, time alone will not help. `retries`: it will be tried again by itself. `keeps`: the
   * rules want it so, and nothing is wrong.
   */
  readonly effect: 'stalls' | 'retries' | 'keeps';
}

/** Something under way: there is nothing to do but look again, or to see to what it waits for. */
export interface Wait {
  readonly part: Part;
  readonly subject: string;
  readonly target: Target;
  readonly message: string;
  /** When to look again, milliseconds since the epoch; undefined: with the next poll of what is pending. */
  readonly until?: number;
  /**
   * It waits for something else of this plan (a copy, an action, what is blocked), which says by itself when it goes on
   * or who must act: it is no reason to look again, nor a sign of work under way.
   */
  readonly behind?: true;
}

/** What follows from what was seen. */
export interface Plan {
  /** In the order in which to start them. */
  readonly actions: readonly Action[];
  readonly waits: readonly Wait[];
  readonly blocked: readonly Blocked[];
  /** What has to be asked before the rest can be decided. */
  readonly needs: readonly Need[];
  /** True when the policy is being deleted and nothing of it is left to do. */
  readonly released: boolean;
}

/** Collects a plan part by part. */
export class PlanDraft {
  readonly actions: Action[] = [];
  readonly waits: Wait[] = [];
  readonly blocked: Blocked[] = [];
  readonly #needs = new Map<string, Need>();
  #asked = 0;
  readonly #ids = new Set<string>();
  readonly #said = new Set<string>();

  /** Adds an action once; the same id again is the same action. Returns the id. */
  act(action: Omit<Action, 'needs' | 'follows'> & Partial<Pick<Action, 'needs' | 'follows'>>): string {
    if (!this.#ids.has(action.id)) {
      this.#ids.add(action.id);
      this.actions.push({ needs: [], follows: [], ...action });
    }
    return action.id;
  }

  wait(wait: Wait): void {
    this.waits.push(wait);
  }

  /** Adds a refusal once: several parts may stumble over the same thing. */
  block(blocked: Blocked): void {
    const { part, code, subject, target } = blocked;
    const key = `${part} ${code} ${target ? targetKey(target) : ''} ${subject}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.blocked.push(blocked);
  }

  need(need: Need): void {
    this.#asked += 1;
    this.#needs.set(`${need.kind} ${targetKey(need.target)} ${subjectOf(need)}`, need);
  }

  /** How often something had to be asked, the same thing counted each time. */
  get asked(): number {
    return this.#asked;
  }

  needs(): readonly Need[] {
    return [...this.#needs.values()];
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
