import { isUnderAskedKey } from './encryption.ts';
import type { Owner } from './identity.ts';
import { ownerTags } from './identity.ts';
import { type Image, type Inventory, type OwnParameter, parseKey, type Target, targetKey } from './model.ts';
import type { Objection } from './objection.ts';
import { parameterName } from './parameter-name.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { readyImage, type Version } from './versions.ts';

/** What the description of a parameter says of whose it is. People read it, and so do we. */
export const parameterDescription = (owner: Owner): string =>
  `Newest image of AmiPolicy ${owner.namespace}/${owner.name}, by amifleet (${owner.cluster} ${owner.uid})`;

const DESCRIBED = /^Newest image of AmiPolicy (\S+), by amifleet \((\S+) (\S+)\)$/;

/** Whether a parameter was written for a policy, or for one of its name that it succeeds. */
function isOwn({ description }: OwnParameter, owner: Owner): boolean {
  const [, policy, cluster, uid] = DESCRIBED.exec(description) ?? [];
  return cluster === owner.cluster && (uid === owner.uid || policy === `${owner.namespace}/${owner.name}`);
}

/** Whether a version is published in place of the newest of its family. */
const isPinned = (spec: Pass['spec'], { id, name }: Pick<Version, 'id' | 'name'>): boolean =>
  spec.publish?.pin?.some((pin) => pin === id || pin === name) ?? false;

/** The pointer of one family: where it may be, and what it may point at, the best first. */
interface Pointer {
  readonly name: string;
  readonly family: string;
  readonly candidates: readonly Version[];
}

/**
 * Points a parameter of SSM in every target at the newest version of each family that is copied, tagged and shared there.
 * It moves when the version is ready (in every target, or in each by itself: the gate), never to what is withdrawn, and
 * backwards only by a pin or because what it points at is withdrawn or gone. What somebody else wrote is left alone.
 */
export function publish(pass: Pass): void {
  const { spec, standings } = pass;
  const pointers = spec.publish ? pointersOf(pass, spec.publish.ssmParameter) : [];
  const everywhere = new Map(pointers.map((pointer) => [pointer.name, chosenForAll(pass, pointer)]));
  for (const target of standings.targets) {
    const inventory = inventoryOf(pass, target);
    if (!inventory || !spec.publish) continue;
    for (const pointer of pointers) {
      const chosen = spec.publish.gate === 'All' ? everywhere.get(pointer.name) : chosenIn(pass, pointer, target);
      point(pass, pointer, chosen, target, inventory);
    }
  }
  removeUnwanted(pass, new Set(pointers.map(({ name }) => name)));
}

function pointersOf(pass: Pass, template: string): Pointer[] {
  const pointers: Pointer[] = [];
  const named = new Map<string, string>();
  for (const [family, versions] of Map.groupBy(pass.set.versions, (version) => version.family)) {
    const candidates = candidatesOf(pass, versions);
    const [first] = candidates;
    if (!first) continue;
    const name = parameterName(template, first.architecture, first.group);
    const refuse = (code: string, message: string): void =>
      pass.draft.block({ part: 'publishing', code, subject: family, message, effect: 'stalls' });
    if (!name.ok) {
      refuse(
        'BadParameterName',
        `it is not published: ${name.why}. Change the tag of the images, or publish.ssmParameter`,
      );
      continue;
    }
    const other = named.get(name.name);
    if (other !== undefined) {
      refuse(
        'ParameterShared',
        `it is not published: family ${other} has the name ${name.name}, too. Put what tells them apart into publish.ssmParameter`,
      );
      continue;
    }
    named.set(name.name, family);
    pointers.push({ name: name.name, family, candidates });
  }
  return pointers;
}

/** Pinned versions where there are any, else the wanted ones; the newest first. */
function candidatesOf(pass: Pass, versions: readonly Version[]): Version[] {
  const usable = versions.filter((version) => version.withdrawn === undefined && pass.standings.wanted.has(version.id));
  const pinned = usable.filter((version) => isPinned(pass.spec, version));
  return pinned.length > 0 ? pinned : usable;
}

const chosenForAll = (pass: Pass, { candidates }: Pointer): Version | undefined =>
  candidates.find((version) => pass.standings.targets.every((target) => publishable(pass, version, target)));

const chosenIn = (pass: Pass, { candidates }: Pointer, target: Target): Version | undefined =>
  candidates.find((version) => publishable(pass, version, target));

/** The image of a version that consumers may be sent to: nothing about it is left to do. */
function publishable(pass: Pass, version: Version, target: Target): Image | undefined {
  const image = readyImage(version, target, pass.owner.source);
  if (!image || !isUnderAskedKey(pass, image, target)) return undefined;
  const { draft } = pass;
  const subject = label(version.name, image.id);
  const unfinished = draft.actions.some(
    ({ kind, call }) => UNFINISHED.has(kind) && 'imageId' in call && call.imageId === image.id,
  );
  const untagged = draft.has(`tag ${image.id}`) || draft.has(`take-over ${image.id}`);
  const refused = draft.blocked.some((each) => each.part === 'sharing' && each.subject.startsWith(subject));
  const asking = draft
    .needs()
    .some((need) => 'imageId' in need && need.imageId === image.id && need.kind === 'launchGrants');
  return unfinished || untagged || refused || asking ? undefined : image;
}

const UNFINISHED: ReadonlySet<string> = new Set(['Share', 'MakePublic', 'EnableImage']);

function point(
  pass: Pass,
  { name, family, candidates }: Pointer,
  chosen: Version | undefined,
  target: Target,
  inventory: Inventory,
): void {
  const { draft, owner } = pass;
  const part = 'publishing';
  const subject = `${name} (${family})`;
  const answer = inventory.parameters.get(name);
  const own = inventory.ownParameters;
  if (!answer) draft.need({ kind: 'parameter', target, name });
  if (!own) draft.need({ kind: 'ownParameters', target, cluster: owner.cluster });
  if (!answer || !own) return;
  if (!answer.ok || !own.ok) {
    const why = answer.ok ? (own.ok ? '' : own.why) : answer.why;
    draft.block({
      part,
      code: 'ParameterUnknown',
      subject,
      target,
      message: `it could not be read: ${why}. It is left alone until it can`,
      effect: 'retries',
    });
    return;
  }
  const there = answer.value;
  const mine = own.value.find((each) => each.name === name);
  const isForeign = there !== undefined && !(mine && isOwn(mine, owner));
  const adopts = isForeign ? adoptable(pass, name, subject, target, inventory) : undefined;
  if (isForeign && adopts === undefined) return;
  const best = chosen && publishable(pass, chosen, target);
  if (there && !isForeign && stays(pass, there.value, chosen, target)) return;
  if (!chosen || !best) {
    const [newest] = candidates;
    const missing = pass.standings.targets.filter((each) => newest && !publishable(pass, newest, each)).map(targetKey);
    const places = missing.length > 3 ? `${missing.length} targets` : missing.join(', ');
    draft.wait({
      part,
      subject,
      target,
      message: `${newest?.name ?? 'the newest version'} is published once it is ready in ${places}`,
    });
    return;
  }
  if (!isForeign && there?.value === best.id) return;
  if (inventory.pointed.get(name) === best.id) {
    draft.wait({
      part,
      subject,
      target,
      message: `SSM checks ${best.id} before it shows it`,
      until: pass.now + 15_000,
    });
    return;
  }
  draft.act({
    id: `publish ${name} ${targetKey(target)}`,
    kind: 'PublishImage',
    target,
    subject,
    reason: `${label(chosen.name, best.id)} is ${isPinned(pass.spec, chosen) ? 'pinned' : 'the newest version that is ready'}${there ? `; it pointed at ${there.value}` : ''}`,
    call: {
      do: 'putParameter',
      name,
      value: best.id,
      description: parameterDescription(owner),
      tags: ownerTags(owner),
      ...(there && { instead: there.version }),
      ...(adopts !== undefined && { adopts }),
    },
  });
}

/**
 * What a parameter that is not of this policy says of itself, where it may be taken over; undefined where it is left
 * alone, or has to be asked first. Another policy's is never taken.
 */
function adoptable(
  pass: Pass,
  name: string,
  subject: string,
  target: Target,
  inventory: Inventory,
): string | undefined {
  const matching = pass.spec.adoption === 'Matching';
  const answer = matching ? inventory.descriptions.get(name) : undefined;
  if (matching && !answer) {
    pass.draft.need({ kind: 'description', target, name });
    return undefined;
  }
  const [, policy] = (answer?.ok && DESCRIBED.exec(answer.value ?? '')) || [];
  if (answer?.ok && policy === undefined) return answer.value ?? '';
  const left = !answer
    ? 'it is there and not of this policy, and is left alone. Choose another name in publish.ssmParameter, delete it, or let it be taken over (adoption: Matching)'
    : answer.ok
      ? `it is of policy ${policy}, and is left alone. Choose another name in publish.ssmParameter, or delete it`
      : `whose it is could not be read: ${answer.why}. It is left alone until it can`;
  pass.draft.block({
    part: 'publishing',
    code: 'ParameterForeign',
    subject,
    target,
    message: left,
    effect: answer?.ok === false ? 'retries' : 'stalls',
  });
  return undefined;
}

/** Whether what is published now stays although another version was chosen: no pointer goes back by itself. */
function stays(pass: Pass, imageId: string, chosen: Version | undefined, target: Target): boolean {
  const current = pass.set.versions.find((version) => readyImage(version, target, pass.owner.source)?.id === imageId);
  if (!current || current.withdrawn !== undefined) return false;
  if (!chosen) return true;
  if (chosen.id === current.id) return true;
  return !isPinned(pass.spec, chosen) && current.createdAt > chosen.createdAt && !isPinned(pass.spec, current)
    ? !pass.spec.publish?.pin?.length
    : false;
}

/** Deletes the parameters of this policy that it no longer asks for, before their images go. */
export function removeUnwanted(pass: Pass, wanted: ReadonlySet<string>): void {
  const { draft, owner, standings } = pass;
  if (!pass.spec.publish && !pass.published) return;
  for (const [key, view] of pass.targets) {
    if (view.kind !== 'observed') continue;
    const target = parseKey(key);
    const own = view.inventory.ownParameters;
    if (!own) draft.need({ kind: 'ownParameters', target, cluster: owner.cluster });
    for (const parameter of own?.ok ? own.value : []) {
      if (!isOwn(parameter, owner) || (standings.names(target) && wanted.has(parameter.name))) continue;
      draft.act({
        id: `unpublish ${parameter.name} ${key}`,
        kind: 'UnpublishImage',
        target,
        subject: parameter.name,
        reason: pass.deleting
          ? 'the policy is being deleted, with deletionPolicy Delete'
          : 'the policy no longer publishes it there',
        call: { do: 'deleteParameter', name: parameter.name, description: parameter.description },
      });
    }
  }
}

/** What is published is kept, whatever the rules say. */
export function isPublished(pass: Pass, image: Image, target: Target): Objection | 'asking' | undefined {
  if (!pass.spec.publish && !pass.published) return undefined;
  const inventory = inventoryOf(pass, target);
  const own = inventory?.ownParameters;
  if (!own) {
    pass.draft.need({ kind: 'ownParameters', target, cluster: pass.owner.cluster });
    return 'asking';
  }
  if (!own.ok)
    return { code: 'ParameterUnknown', message: `kept: whether it is published could not be read: ${own.why}` };
  for (const { name } of own.value.filter((each) => isOwn(each, pass.owner))) {
    const answer = inventory.parameters.get(name);
    if (!answer) {
      pass.draft.need({ kind: 'parameter', target, name });
      return 'asking';
    }
    const points = answer.ok ? answer.value?.value : image.id;
    if (points === image.id || inventory.pointed.get(name) === image.id)
      return { code: 'Published', message: `kept: the parameter ${name} points at it` };
  }
  return undefined;
}
