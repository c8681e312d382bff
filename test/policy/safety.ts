import { DAY_MS, type Image, type Target, targetKey } from '../../src/policy/model.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import type { Action, CallOf, Plan } from '../../src/policy/plan.ts';
import { TAG, tempGrantTag, timeIn } from '../../src/policy/tags.ts';
import {
  copiesIn,
  granteesOf,
  granteesWanted,
  isOurs,
  keptIn,
  readyByFamily,
  removedBy,
  targetsNamed,
  usableByFamily,
} from './reference.ts';
import { OWNER, SOURCE, type World } from './world.ts';

type Spec = PlanInput['spec'];

/** What of a plan breaks the safety rules of the contract, in words; nothing, if it is safe. */
export function violations(world: World, spec: Spec, plan: Plan): string[] {
  return [
    ...plan.actions.flatMap((action) => [
      ...ownership(world, spec, plan, action),
      ...observed(world, spec, action),
      ...grants(world, spec, plan, action),
      ...snapshots(world, action),
      ...stages(world, spec, action),
    ]),
    ...copiedTwice(world, plan),
    ...(removedBy(plan.actions).size > 0 ? leftTooFew(world, spec, plan) : []),
  ];
}

function resourcesOf({ call }: Action): readonly string[] {
  if (call.do === 'tag' || call.do === 'untag') return call.resources;
  if (call.do === 'copy' || call.do === 'claim' || call.do === 'putParameter' || call.do === 'deleteParameter')
    return [];
  if (call.do === 'modifyVolume' || call.do === 'deleteSnapshot') return [call.snapshotId];
  return [call.imageId];
}

/** S1: only what is ours, or a source that is claimed first; what was a former policy's is only taken over. */
function ownership(world: World, spec: Spec, plan: Plan, action: Action): string[] {
  const place = world.place(action.target);
  if (action.call.do === 'adopt') return adoption(world, spec, action, action.call);
  return resourcesOf(action).flatMap((id) => {
    const image = place.images.get(id);
    const snapshot = place.snapshots.get(id);
    const owner =
      image ?? [...place.images.values()].find(({ volumes }) => volumes.some((each) => each.snapshotId === id));
    const held = snapshot ?? owner;
    const former = held?.tags[TAG.policyUid] === 'uid-0' && action.kind === 'TakeOver';
    const ofSource = owner !== undefined && owner.tags[TAG.sourceImage] === undefined;
    const claimed = owner?.tags[TAG.claimedBy]?.endsWith(` ${OWNER.uid}`) === true;
    const claims = action.needs.some((need) =>
      plan.actions.some((other) => other.id === need && isOrLeadsToClaim(plan, other)),
    );
    if (former || (held && !ofSource && isOurs({ tags: held.tags, ...(image && { madeFrom: image.madeFrom }) })))
      return [];
    return ofSource && (claimed || claims) ? [] : [`S1: ${action.id} touches ${id}, which is not ours`];
  });
}

/** Only with adoption, and only what nobody else has: neither a policy nor, as a source, anyone. */
function adoption(world: World, spec: Spec, { id, target }: Action, call: CallOf<'adopt'>): string[] {
  const answer = world.place(target).madeFrom.get(call.sourceImage);
  const image = answer?.ok ? answer.value.find((each) => each.id === call.imageId) : undefined;
  const free = image?.tags[TAG.policyUid] === undefined && image?.tags[TAG.claimedBy] === undefined;
  return spec.adoption === 'Matching' && image?.state === 'available' && free ? [] : [`S1: ${id} is not free to adopt`];
}

const isOrLeadsToClaim = (plan: Plan, action: Action): boolean =>
  action.kind === 'ClaimSource' ||
  plan.actions.some((other) => action.needs.includes(other.id) && isOrLeadsToClaim(plan, other));

/** S3, S14: what is destroyed was seen, and so was the source; what is not known protects. */
function observed(world: World, spec: Spec, action: Action): string[] {
  const { call, target } = action;
  if (call.do !== 'deregister') return [];
  const place = world.place(target);
  const image = place.images.get(call.imageId);
  const wrong: string[] = [];
  if (place.unavailable || world.place(SOURCE).unavailable) wrong.push('S3: something was not observed');
  if (!image) return [...wrong, `S3: ${call.imageId} is not there`];
  if (image.tags[TAG.hold] !== undefined) wrong.push(`${image.id} is held`);
  if (image.state === 'failed') return wrong;
  const references = place.references.get(image.id);
  const launch = place.launch.get(image.id);
  if (!references?.ok || references.value.length > 0) wrong.push(`S14: ${image.id} may be referenced`);
  if (!launch?.ok) wrong.push(`S14: who may launch ${image.id} is not known`);
  const report = place.usage.get(image.id);
  const clear = report?.ok && report.value.kind === 'available' && report.value.usages.length === 0;
  if (!clear || world.now - report.value.createdAt > DAY_MS)
    wrong.push(`S14: no report of the last day says that others do not use ${image.id}`);
  const days = spec.retention?.minUnusedDays ?? 30;
  const shared = launch?.ok && granteesOf(launch.value).length > 0;
  if (image.state !== 'pending' && (shared || days > 0) && world.now - image.createdAt < DAY_MS)
    wrong.push(`S14: EC2 may not have told yet who launched ${image.id}`);
  if (image.lastLaunchedAt !== undefined && world.now - image.lastLaunchedAt < days * DAY_MS)
    wrong.push(`S14: ${image.id} was launched lately`);
  const classes = world.nodeClasses;
  if (classes && !classes.ok) wrong.push(`S14: whether an EC2NodeClass names ${image.id} is not known`);
  const one = classes?.ok && classes.value.find(({ name }) => name.endsWith(image.id));
  if (one) wrong.push(`S14: EC2NodeClass ${one.name}`);
  return wrong;
}

/** S5: nothing wanted is taken away, and nothing is given that is not wanted, but for copies and with a mark first. */
function grants(world: World, spec: Spec, plan: Plan, { call, target, kind, needs, id }: Action): string[] {
  if (call.do !== 'modifyLaunch') return [];
  const wanted = spec.sharing ? granteesWanted(spec, target.account) : [];
  const current = world.place(target).launch.get(call.imageId);
  const tags = world.image(target, call.imageId)?.tags ?? {};
  const wrong: string[] = [];
  if (call.add.public) wrong.push(`S5: ${id} makes it public`);
  if (!current?.ok) wrong.push(`S14: ${id} changes what is not known`);
  const marked = (account: string): boolean =>
    tags[tempGrantTag(account)] !== undefined ||
    plan.actions.some(
      (other) =>
        needs.includes(other.id) && other.call.do === 'tag' && other.call.tags[tempGrantTag(account)] !== undefined,
    );
  for (const grantee of granteesOf(call.add)) {
    const temporary = kind === 'GrantTemporarily' && marked(grantee);
    if (!temporary && !wanted.includes(grantee)) wrong.push(`S5: ${id} gives ${grantee} what is not wanted`);
  }
  const pending = copiesIn(world).filter(({ image }) => image.state === 'pending' && image.madeFrom === call.imageId);
  const shares = kind === 'Unshare' || isSharedPlace(spec, target);
  for (const grantee of granteesOf(call.remove)) {
    if (shares && wanted.includes(grantee)) wrong.push(`S5: ${id} takes from ${grantee} what is wanted`);
    if (kind === 'Unshare' && marked(grantee)) wrong.push(`S5: ${id} takes a temporary grant from ${grantee}`);
    if (kind === 'RevokeTemporaryGrant' && !marked(grantee)) wrong.push(`S5: ${id} takes what it did not give`);
    if (kind === 'RevokeTemporaryGrant' && pending.some(({ key }) => key.startsWith(grantee)))
      wrong.push(`S5: ${id} takes what a pending copy needs`);
  }
  return wrong;
}

const isSharedPlace = (spec: Spec, target: Target): boolean =>
  spec.sharing !== undefined &&
  targetsNamed(spec).some((each) => targetKey(each) === targetKey(target)) &&
  (target.account === SOURCE.account || spec.accounts?.find(({ id }) => id === target.account)?.share === true);

/** S6: a snapshot goes only when no image uses it and its image is not in the bin, or cannot come into it. */
function snapshots(world: World, { call, target }: Action): string[] {
  const { images, bin, allow } = world.place(target);
  if (call.do === 'deregister') {
    const state = images.get(call.imageId)?.state;
    const mayBeBinned = state !== 'failed' && state !== 'pending' && !allow.includes('SkipRecycleBin');
    return (call.withSnapshots ?? []).flatMap((id) => {
      const other = [...images.values()].find(
        (image) => image.id !== call.imageId && image.volumes.some(({ snapshotId }) => snapshotId === id),
      );
      if (other) return [`S6: ${id} is used by ${other.id}`];
      return mayBeBinned ? [`S6: ${call.imageId} may come into the bin, which ${id} does not wait for`] : [];
    });
  }
  if (call.do !== 'deleteSnapshot') return [];
  const user = [...images.values()].find(
    (image) => image.id === call.of || image.volumes.some(({ snapshotId }) => snapshotId === call.snapshotId),
  );
  if (user) return [`S6: ${call.snapshotId} is used by ${user.id}`];
  return bin.ok && !bin.value.has(call.of) ? [] : [`S6: ${call.of} may be in the bin`];
}

/** S16: a removal only after its mark, its days, and never together with another stage. */
function stages(world: World, spec: Spec, { call, target, kind }: Action): string[] {
  if (call.do !== 'deregister' || kind !== 'DeregisterImage') return [];
  const tags = world.image(target, call.imageId)?.tags ?? {};
  const since = timeIn(tags, TAG.surplusSince);
  const days = spec.retention?.deleteAfterDays;
  const due = since !== undefined && days !== undefined && world.now >= since + days * DAY_MS;
  return due ? [] : [`S16: ${call.imageId} is removed too soon`];
}

/** S7: one live copy for each version, target and key. */
function copiedTwice(world: World, plan: Plan): string[] {
  const planned = plan.actions.flatMap(({ call, target }) =>
    call.do === 'copy' ? [`${call.sourceImage} ${targetKey(target)}${call.kmsKeyId ? ` ${call.kmsKeyId}` : ''}`] : [],
  );
  const live = new Set(
    copiesIn(world)
      .filter(({ image }) => image.state !== 'failed')
      .map(({ key, image }) => [image.tags[TAG.sourceImage], key, keyOf(world, key, image)].filter(Boolean).join(' ')),
  );
  return planned
    .filter((copy, index) => live.has(copy) || planned.indexOf(copy) !== index)
    .map((copy) => `S7: ${copy} is copied twice`);
}

/** The key of an image, by its first snapshot. */
function keyOf(world: World, key: string, { volumes }: Image): string | undefined {
  return world.places.get(key)?.snapshots.get(volumes[0]?.snapshotId ?? '')?.kmsKeyId;
}

/** S4: what is left after all removals of a plan. */
function leftTooFew(world: World, spec: Spec, plan: Plan): string[] {
  const removed = removedBy(plan.actions);
  const keepNewest = spec.retention?.keepNewest ?? 1;
  const wrong: string[] = [];
  const before = targetsNamed(spec)
    .filter((target) => !world.place(target).unavailable)
    .flatMap((target) => {
      const kept = keptIn(world, spec, target);
      return [...readyByFamily(world, spec, target)].map(([family, ready]) => ({ target, family, ready, kept }));
    });
  const usable = usableByFamily(world, spec);
  const pending = copiesIn(world).filter(({ image }) => image.state === 'pending');
  world.without(removed, () => {
    for (const { target, family, ready, kept } of before) {
      const left = new Set((readyByFamily(world, spec, target).get(family) ?? []).map(({ id }) => id));
      const where = `family ${family} in ${targetKey(target)}`;
      const newest = ready.find(({ withdrawn }) => !withdrawn)?.id;
      if (left.size < Math.min(ready.length, keepNewest)) wrong.push(`S4: ${left.size} versions are left of ${where}`);
      if (newest !== undefined && !left.has(newest)) wrong.push(`S4: the newest went, of ${where}`);
      if (ready.some(({ id }) => kept.has(id) && !left.has(id))) wrong.push(`S4: something retained went, of ${where}`);
    }
    const after = usableByFamily(world, spec);
    for (const [family, count] of usable) {
      if (count > 0 && (after.get(family) ?? 0) === 0) wrong.push(`S4: nothing is left of family ${family}`);
    }
  });
  for (const id of removed) {
    const planned = plan.actions.some(({ call }) => call.do === 'copy' && call.origin.imageId === id);
    if (planned || pending.some(({ image }) => image.madeFrom === id)) wrong.push(`S4: ${id} is being copied from`);
  }
  return wrong;
}
