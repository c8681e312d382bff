import { isUnderAskedKey } from './encryption.ts';
import { ownerTags } from './identity.ts';
import { type Image, type Inventory, type Target, targetKey } from './model.ts';
import { parameterName } from './parameter-name.ts';
import { adoptable, isOwn, parameterDescription, refuseForeign } from './parameter-ownership.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { removeUnwanted } from './unpublishing.ts';
import { isSourceTarget, readyImage, type Version } from './versions.ts';

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
  reportPins(pass);
  removeUnwanted(pass, new Set(pointers.map(({ name }) => name)));
}

/** A pin that holds nothing back would go unnoticed: the newest version stays published. */
function reportPins(pass: Pass): void {
  for (const pin of pass.spec.publish?.pin ?? []) {
    const named = pass.set.versions.filter(({ id, name }) => pin === id || pin === name);
    const usable = named.some((version) => version.withdrawn === undefined && pass.standings.wanted.has(version.id));
    if (usable || !pass.set.sources) continue;
    const why = named[0]?.withdrawn;
    pass.draft.block({
      part: 'publishing',
      code: 'PinNotUsable',
      subject: pin,
      message:
        why === undefined
          ? `no version of this policy is called ${pin}, or it is excluded, so that nothing is published in place of the newest. Correct publish.pin`
          : `${pin} is withdrawn (${why}), so that it is not published in place of the newest. Take it out of publish.pin, or out of source.images.exclude`,
      effect: 'stalls',
    });
  }
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
  const image = servingImage(pass, version, target);
  if (!image) return undefined;
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

/** The image of a version in a target that is ready and under the key that is asked for: beside one that is not, that one. */
function servingImage(pass: Pass, version: Version, target: Target): Image | undefined {
  if (isSourceTarget(target, pass.owner.source) && version.servesAtHome && version.source.kind === 'usable')
    return version.source.image;
  return version.copies
    .get(targetKey(target))
    ?.find(({ image }) => image.state === 'available' && isUnderAskedKey(pass, image, target))?.image;
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
  if (isForeign && mine) {
    refuseForeign(pass, subject, target, mine.description);
    return;
  }
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
      behind: true,
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

/** Whether what is published now stays although another version was chosen: no pointer goes back by itself. */
function stays(pass: Pass, imageId: string, chosen: Version | undefined, target: Target): boolean {
  const current = pass.set.versions.find((version) => isImageOf(pass, version, target, imageId));
  if (!current || current.withdrawn !== undefined) return false;
  if (!chosen) return true;
  // Where it was made anew under another key, consumers are sent to the new one.
  if (chosen.id === current.id) return (servingImage(pass, current, target)?.id ?? imageId) === imageId;
  return !isPinned(pass.spec, chosen) && current.createdAt > chosen.createdAt && !isPinned(pass.spec, current)
    ? !pass.spec.publish?.pin?.length
    : false;
}

/** Whether an image that can be launched in a target is one of a version. */
const isImageOf = (pass: Pass, version: Version, target: Target, imageId: string): boolean =>
  readyImage(version, target, pass.owner.source)?.id === imageId ||
  (version.copies.get(targetKey(target))?.some(({ image }) => image.id === imageId && image.state === 'available') ??
    false);
