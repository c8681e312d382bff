import { ABANDON_ANNOTATION } from '../api/group.ts';
import { windDown } from './deletion.ts';
import { deleteLeftovers } from './leftovers.ts';
import { markCopies } from './marks.ts';
import { reportMassWithdrawals } from './mass-withdrawal.ts';
import { type Image, parseKey, targetKey } from './model.ts';
import { label, type Pass, type PlanInput } from './pass.ts';
import { placeCopies } from './placement.ts';
import { type Plan, PlanDraft } from './plan.ts';
import { preflight } from './preflight.ts';
import { keepProtection } from './protection.ts';
import { publish } from './publishing.ts';
import { cleanUpFailed, clearRemovalMarks } from './removal.ts';
import { withheld } from './restrictions.ts';
import { retire } from './retirement.ts';
import { lookForShared } from './shared-sources.ts';
import { shareImages } from './sharing.ts';
import { disabledByUs } from './stages.ts';
import { standOff } from './stand-off.ts';
import { type Standings, standingsOf, targetsOf } from './standing.ts';
import { closeUnneeded } from './temporary-grants.ts';
import { keepTags } from './upkeep.ts';
import { type VersionSet, versionsOf } from './versions.ts';

/** A plan, with what was concluded on the way to it. */
export interface Decision {
  readonly plan: Plan;
  readonly set: VersionSet;
  readonly standings: Standings;
}

/**
 * Decides what is to be done for one policy. Pure: the same input gives the same plan, whoever asks (controller, command
 * line, dry run). What is missing to decide the rest is in `plan.needs`; ask for it and decide again.
 */
export function makePlan(given: PlanInput): Decision {
  const input = { ...given, targets: inOrder(given.targets) };
  const set = versionsOf(input.spec, input.owner, input.targets);
  const standings = standingsOf(input.spec, set.versions, input.now);
  const draft = new PlanDraft();
  const pass: Pass = { ...input, set, standings, draft };
  let released = false;
  reportUnreadable(pass);
  if (!input.deleting) lookForShared(pass);
  if (input.deleting) released = windDown(pass);
  else if (input.spec.suspend) closeUnneeded(pass, () => false);
  else reconcile(pass);
  const left = standOff(pass, draft.actions);
  const { actions, blocked } = withheld(pass, left.actions);
  const needs = draft.needs();
  return {
    plan: {
      actions,
      waits: draft.waits,
      blocked: [...draft.blocked, ...left.blocked, ...blocked],
      needs,
      released: released && actions.length === 0 && needs.length === 0,
    },
    set,
    standings,
  };
}

/** Targets by name, so that what follows does not depend on the order in which they answered. */
function inOrder(targets: PlanInput['targets']): PlanInput['targets'] {
  return new Map([...targets].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function reconcile(pass: Pass): void {
  reportAccess(pass);
  preflight(pass);
  reportSources(pass);
  reportLookalikes(pass);
  // Without the source nobody knows which versions are the newest, nor which grants are still needed for them.
  const open = pass.set.sources ? placeCopies(pass) : undefined;
  keepTags(pass);
  keepProtection(pass);
  shareImages(pass);
  publish(pass);
  markCopies(pass);
  reportMassWithdrawals(pass);
  if (open) {
    closeUnneeded(pass, (image, account) => open.has(image, account));
    cleanUpFailed(pass);
    retire(pass, open);
    clearRemovalMarks(pass);
  }
  deleteLeftovers(pass);
}

function reportUnreadable(pass: Pass): void {
  for (const subject of pass.unreadable ?? []) {
    pass.draft.block({
      part: pass.deleting ? 'deletion' : 'access',
      code: 'AbandonUnreadable',
      subject,
      message: `the annotation ${ABANDON_ANNOTATION} says this, which is neither an account (222233334444) nor a target (222233334444/eu-west-1): nothing is let go by it. Correct the annotation`,
      effect: 'stalls',
    });
  }
}

function reportAccess(pass: Pass): void {
  for (const subject of pass.abandoned ?? []) {
    pass.draft.block({
      part: 'access',
      code: 'Abandoned',
      subject,
      message: `let go as it is, because the annotation ${ABANDON_ANNOTATION} names it: nothing is looked at or changed there`,
      effect: 'keeps',
    });
  }
  const named = new Set([...targetsOf(pass.spec), pass.owner.source].map(targetKey));
  for (const [key, view] of pass.targets) {
    if (view.kind === 'observed') continue;
    const left = named.has(key) ? '' : ' (the policy no longer names it, and copies of it are there)';
    pass.draft.block({
      part: 'access',
      code: view.code,
      subject: key,
      target: parseKey(key),
      message: `${view.message}${left}`,
      effect: view.stalls ? 'stalls' : 'retries',
    });
  }
}

function reportSources(pass: Pass): void {
  const { draft, set, standings, owner, spec } = pass;
  if (!set.sources) return;
  for (const image of set.unready) {
    // This policy itself has disabled it, and says so as a stage.
    if (disabledByUs(image)) continue;
    const subject = label(image.name, image.id);
    if (image.state === 'pending' || image.state === 'transient') {
      draft.wait({
        part: 'source',
        subject,
        target: owner.source,
        message: `the source image is ${image.state}; it counts once it is available`,
        until: pass.now + sourcePollMs(pass.now - image.createdAt),
      });
    } else {
      const failed = image.state === 'failed';
      draft.block({
        part: 'source',
        code: failed ? 'SourceFailed' : 'SourceNotUsable',
        subject,
        target: owner.source,
        message: failed
          ? `the source image failed (${image.stateReason ?? 'EC2 gave no reason'}) and is passed over. Deregister it`
          : `the source image is ${image.state} and is passed over. It counts again once it is available`,
        effect: 'keeps',
      });
    }
  }
  const comes = set.unready.some(({ state }) => state === 'pending' || state === 'transient');
  // Copies of what was withdrawn are versions, too: a selector that finds nothing any more must not pass for well.
  if (standings.wanted.size > 0 || comes) return;
  const { account, region } = owner.source;
  const other = set.shared?.listing.owner;
  const whose = other === undefined ? `account ${account}` : `account ${other} that account ${account} may launch`;
  draft.block({
    part: 'source',
    code: 'NoSourceImages',
    subject: 'source.images',
    target: owner.source,
    message: `no available image of ${whose} in ${region} matches ${criteria(spec.source.images)}${passedOver(set.unready)}. Look with: aws ec2 describe-images --owners ${other ?? 'self'} --region ${region}${other === undefined ? '' : '. It must share them with that account, where Allowed AMIs must not leave it out'}`,
    effect: 'stalls',
  });
}

/**
 * A builder takes minutes to hours, and each look lists every image of the source account: the older the image, the
 * seldomer it is looked at.
 */
const sourcePollMs = (age: number): number => Math.min(Math.max(age / 6, 15_000), 60_000);

function passedOver(images: readonly Image[]): string {
  if (images.length === 0) return '';
  const named = images.slice(0, 3).map(({ name, id, state }) => `${label(name, id)} is ${state}`);
  const more = images.length > 3 ? ` and ${images.length - 3} more` : '';
  return `; passed over: ${named.join(', ')}${more}`;
}

function reportLookalikes({ set, draft }: Pass): void {
  for (const { image, target } of set.lookalikes) {
    draft.block({
      part: 'replication',
      code: 'NotOurCopy',
      subject: label(image.name, image.id),
      target,
      message: `it carries the tags of a copy of this policy, but EC2 says that it was made from ${image.madeFrom}: somebody copied an image with its tags. It is left alone; take its amifleet.io tags off`,
      effect: 'keeps',
    });
  }
}

function criteria(images: Pass['spec']['source']['images']): string {
  const parts = [
    images.names && `names ${images.names.join(', ')}`,
    images.tags &&
      `tags ${Object.entries(images.tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ')}`,
    images.ids && `ids ${images.ids.join(', ')}`,
    images.architectures && `architectures ${images.architectures.join(', ')}`,
  ].filter((part) => part !== undefined);
  const text = parts.join(' and ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
