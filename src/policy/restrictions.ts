import { parseKey, type TargetKey, targetKey } from './model.ts';
import { isReadOnly, type Pass } from './pass.ts';
import type { Action, ActionKind, Blocked, Part } from './plan.ts';
import { deniedAt } from './preflight.ts';

/**
 * Takes out of a plan what somebody has forbidden centrally: every action in an account that is read-only, every
 * deletion where the controller was started without the right to delete, what IAM is known to refuse where that would
 * leave something half done, and whatever depends on those.
 */
export function withheld(
  pass: Pass,
  planned: readonly Action[],
): { readonly actions: readonly Action[]; readonly blocked: readonly Blocked[] } {
  const { limits } = pass;
  const forbidden = new Map<string, Restriction>();
  for (const action of planned) {
    if (isReadOnly(pass, action.target)) forbidden.set(action.id, 'AccountReadOnly');
    else if (!limits.allowDelete && belongsToDeletion(action)) forbidden.set(action.id, 'DeletionDisabled');
    else if (isDenied(pass, action)) forbidden.set(action.id, 'PermissionMissing');
  }
  if (forbidden.size === 0) return { actions: planned, blocked: [] };
  // Needs are planned before what needs them, so one pass over the list finds every dependent.
  for (const action of planned) {
    const because = action.needs.map((id) => forbidden.get(id)).find((code) => code !== undefined);
    if (because && !forbidden.has(action.id)) forbidden.set(action.id, because);
  }
  const actions = planned.filter((action) => !forbidden.has(action.id));
  return { actions, blocked: [...reasons(planned, forbidden, pass.deleting)] };
}

type Restriction = 'AccountReadOnly' | 'DeletionDisabled' | 'PermissionMissing';

/** A copy that would be refused lends nothing first; a deletion that would be refused is not begun. */
function isDenied(pass: Pass, action: Action): boolean {
  if (action.call.do === 'copy') return deniedAt(pass, action.target, 'CopyImage') !== undefined;
  if (!belongsToDeletion(action)) return false;
  return DELETING.some((key) => deniedAt(pass, action.target, key) !== undefined);
}

const DELETING = ['DeregisterImage copy', 'DeleteSnapshot copy'];

const belongsToDeletion = (action: Action): boolean =>
  (action.destroys !== undefined && action.kind !== 'DisableImage') ||
  action.kind === 'UnpublishImage' ||
  action.kind === 'MarkForDeletion' ||
  action.kind === 'KeepSnapshots';

function* reasons(
  actions: readonly Action[],
  forbidden: ReadonlyMap<string, Restriction>,
  deleting: boolean,
): Generator<Blocked> {
  const counts = new Map<TargetKey, Map<string, number>>();
  for (const action of actions) {
    const code = forbidden.get(action.id);
    if (!code) continue;
    const key = targetKey(action.target);
    const byCode = counts.get(key) ?? new Map<string, number>();
    counts.set(
      key,
      byCode.set(`${code} ${partOf(action, deleting)}`, (byCode.get(`${code} ${partOf(action, deleting)}`) ?? 0) + 1),
    );
  }
  for (const [key, byCode] of counts) {
    for (const [entry, count] of byCode) {
      const [code = '', part = ''] = entry.split(' ');
      const actionsThere = `${count} ${count === 1 ? 'action is' : 'actions are'} held back in ${key}`;
      yield {
        part: part as Part,
        code,
        subject: key,
        target: parseKey(key),
        message:
          code === 'AccountReadOnly'
            ? `${actionsThere}: its AwsAccount says readOnly, or the controller runs with --read-only. plan shows what would be done once that is lifted`
            : code === 'DeletionDisabled'
              ? `${actionsThere}: the controller runs with --allow-delete=false`
              : `${actionsThere}: AWS would refuse ${count === 1 ? 'it' : 'them'}; AccessReady says which permission is missing. They go on by themselves once it is there`,
        effect: code !== 'DeletionDisabled' || deleting ? 'stalls' : 'keeps',
      };
    }
  }
}

const PART: Readonly<Record<ActionKind, Part>> = {
  Share: 'sharing',
  Unshare: 'sharing',
  MakePublic: 'sharing',
  PublishImage: 'publishing',
  UnpublishImage: 'publishing',
  ShareSnapshot: 'sharing',
  UnshareSnapshot: 'sharing',
  CopyImage: 'replication',
  ClaimSource: 'replication',
  MarkTemporaryGrant: 'replication',
  GrantTemporarily: 'replication',
  RevokeTemporaryGrant: 'replication',
  UnmarkTemporaryGrant: 'replication',
  Tag: 'replication',
  TakeOver: 'replication',
  Adopt: 'replication',
  CleanUpFailedCopy: 'replication',
  MarkWithdrawn: 'retention',
  MarkSurplus: 'retention',
  ClearMark: 'retention',
  RequestUsageReport: 'retention',
  DeprecateImage: 'retention',
  MarkStage: 'retention',
  DisableImage: 'retention',
  EnableImage: 'retention',
  UndeprecateImage: 'retention',
  ProtectImage: 'retention',
  UnprotectImage: 'retention',
  MarkForDeletion: 'retention',
  KeepSnapshots: 'retention',
  CancelCopy: 'retention',
  DeregisterImage: 'retention',
  DeleteSnapshot: 'retention',
};

/** The condition that an action which is not carried out speaks of. */
export const partOf = (action: Action, deleting: boolean): Part => (deleting ? 'deletion' : PART[action.kind]);
