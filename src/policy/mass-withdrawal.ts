import { CONFIRM_WITHDRAWAL_ANNOTATION } from '../api/group.ts';
import { FILE_CLUSTER } from './identity.ts';
import type { Pass } from './pass.ts';
import { stagesOf } from './stages.ts';

const known = new WeakMap<Pass, ReadonlyMap<string, string>>();

/**
 * Families of which so much was withdrawn that it looks like a mistake in the selector: every version, or more than half
 * of four or more. Nothing of the withdrawn is retired there until somebody has confirmed it.
 * @returns by family, what is wrong and how to confirm it
 */
export function massWithdrawals(pass: Pass): ReadonlyMap<string, string> {
  const before = known.get(pass);
  if (before) return before;
  const found = new Map<string, string>();
  if (!pass.withdrawalConfirmed) {
    for (const [family, versions] of Map.groupBy(pass.set.versions, (version) => version.family)) {
      const withdrawn = versions.filter((version) => version.withdrawn !== undefined).length;
      const most = versions.length >= 4 && withdrawn > versions.length / 2;
      if (withdrawn === 0 || (withdrawn < versions.length && !most)) continue;
      found.set(family, describe(pass, family, withdrawn, versions.length));
    }
  }
  known.set(pass, found);
  return found;
}

function describe({ owner, confirmation }: Pass, family: string, withdrawn: number, all: number): string {
  const value = confirmation ?? '<metadata.generation>';
  const how =
    owner.cluster === FILE_CLUSTER
      ? `write the annotation ${CONFIRM_WITHDRAWAL_ANNOTATION}: "${value}" into the policy in the file`
      : `kubectl annotate amipolicy ${owner.name} -n ${owner.namespace} --overwrite ${CONFIRM_WITHDRAWAL_ANNOTATION}=${value}`;
  return `${withdrawn} of ${all} versions of family ${family} are withdrawn; nothing of them is retired until this is confirmed: ${how}`;
}

/** Says so at once, not only when the first of them is due. Without stages nothing is in danger. */
export function reportMassWithdrawals(pass: Pass): void {
  if (!pass.spec.retention || stagesOf(pass.spec.retention).length === 0) return;
  for (const [family, message] of massWithdrawals(pass)) {
    pass.draft.block({ part: 'retention', code: 'MassWithdrawal', subject: family, message, effect: 'stalls' });
  }
}
