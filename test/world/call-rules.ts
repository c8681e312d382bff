import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import type { JudgedCall } from './safety-oracle.ts';

type Image = WorldView['images'][number];
type Snapshot = WorldView['snapshots'][number];

const tag = (name: string): string => `amifleet.io/${name}`;
const DAY = 86_400_000;
/** The time of AWS is known by the Date of its answers, which has whole seconds. */
const CLOCK_TOLERANCE = 2000;

const isLive = ({ state, inRecycleBin }: Image): boolean =>
  !inRecycleBin && (state === 'available' || state === 'pending' || state === 'disabled');
const isReady = ({ state, inRecycleBin }: Image): boolean => !inRecycleBin && state === 'available';

/** What a change of AWS breaks, each as a sentence that begins with the rule. */
export function judgeCall(judged: JudgedCall): string[] {
  return [
    ...pointers(judged),
    ...ownership(judged),
    ...destruction(judged),
    ...grants(judged),
    ...snapshots(judged),
    ...duplicates(judged),
  ];
}

/** What others wrote never changes; what is published is an image that can be launched there and is not withdrawn. */
function* pointers(judged: JudgedCall): Generator<string> {
  const { before, after } = judged;
  const keyOf = ({ account, region, name }: WorldView['parameters'][number]): string => `${account}/${region} ${name}`;
  const now = new Map(after.parameters.map((each) => [keyOf(each), each]));
  const known = new Map(before.parameters.map((each) => [keyOf(each), each]));
  for (const [key, was] of known)
    if (was.tags[tag('policy-uid')] === undefined && now.get(key)?.value !== was.value)
      yield `S1: parameter ${key} of somebody else was changed`;
  for (const [key, { tags }] of now) {
    const adopter = known.get(key)?.tags[tag('policy-uid')] === undefined ? ownerOf(tags, judged) : undefined;
    if (known.has(key) && adopter && adopter.spec.adoption !== 'Matching')
      yield `S1: parameter ${key} was taken over although its policy adopts nothing`;
  }
  for (const [key, { account, region, value }] of now) {
    if (known.get(key)?.value === value) continue;
    const image = after.images.find(({ id }) => id === value);
    if (!image || !isReady(image) || image.account !== account || image.region !== region)
      yield `parameter ${key} points at ${value}, which nobody can launch there`;
    if (image?.tags[tag('withdrawn-since')] !== undefined)
      yield `parameter ${key} points at ${value}, which is withdrawn`;
  }
}

interface Pair<T> {
  readonly before: T;
  readonly after: T | undefined;
}

function changed<T extends { readonly id: string }>(before: readonly T[], after: readonly T[]): Pair<T>[] {
  const now = new Map(after.map((each) => [each.id, each]));
  return before
    .map((each) => ({ before: each, after: now.get(each.id) }))
    .filter((pair) => JSON.stringify(pair.before) !== JSON.stringify(pair.after));
}

const ownerOf = (tags: Readonly<Record<string, string>>, { policies }: JudgedCall): AmiPolicy | undefined => {
  const uid = tags[tag('policy-uid')];
  if (uid !== undefined) return policies.find(({ metadata }) => metadata.uid === uid);
  const [, , claimant] = (tags[tag('claimed-by')] ?? '').split(' ');
  return policies.find(({ metadata }) => metadata.uid === claimant);
};

/** S1: only what carries the identity of a policy that exists, or a source that it has claimed; taking over excepted. */
function* ownership(judged: JudgedCall): Generator<string> {
  const resources: Pair<Image | Snapshot>[] = [
    ...changed<Image | Snapshot>(judged.before.images, judged.after.images),
    ...changed<Image | Snapshot>(judged.before.snapshots, judged.after.snapshots),
  ];
  for (const { before, after } of resources) {
    // The snapshots of a source have no tags of their own: they are the source's, or the sources'.
    const users = judged.before.images.filter(({ volumes }) =>
      volumes.some(({ snapshotId }) => snapshotId === before.id),
    );
    const identities = before.tags[tag('policy-uid')] === undefined ? [before, ...users] : [before];
    if (identities.some(({ tags }) => ownerOf(tags, judged))) continue;
    const claims = judged.call.action === 'CreateTags' && after && ownerOf(after.tags, judged);
    const adopted =
      claims && 'state' in before && 'permissions' in before && before.tags[tag('policy-uid')] === undefined;
    if (adopted && after.tags[tag('policy-uid')] !== undefined && claims.spec.adoption !== 'Matching')
      yield `S1: ${before.id} was taken over although its policy adopts nothing`;
    if (!claims) yield `S1: ${before.id} belongs to no policy that exists`;
  }
}

/** How far an image is on its way out, by the truth. */
type Gone = 'disabled' | 'deregistered';
const leftAs = (before: Image, after: Image | undefined): Gone | undefined => {
  if (before.state === 'deregistered' || before.state === after?.state) return undefined;
  return after?.state === 'disabled' || after?.state === 'deregistered' ? after.state : undefined;
};

/** S2, S4, S16, and what must never be deregistered or disabled at all. */
function* destruction(judged: JudgedCall): Generator<string> {
  for (const { before: image, after } of changed(judged.before.images, judged.after.images)) {
    const as = leftAs(image, after);
    if (!as) continue;
    const policy = ownerOf(image.tags, judged);
    if (image.tags[tag('source-image')] === undefined) {
      const asked =
        policy?.spec.retention?.scope === 'CopiesAndSource' && judged.allows(image.account).includes('RetireSources');
      if (!asked) yield `a source image was ${as}: ${image.id}`;
      if (!asked) continue;
    }
    if (!policy || image.state === 'failed') continue;
    const deleting = policy.metadata.deletionTimestamp !== undefined;
    if (deleting && (policy.spec.deletionPolicy !== 'Delete' || as === 'disabled'))
      yield `S2: ${image.id} went although its policy retains`;
    if (!deleting && policy.spec.suspend) yield `S2: ${image.id} went although its policy is suspended`;
    if (image.tags[tag('hold')] !== undefined) yield `${image.id} went although it is held`;
    if (image.state === 'pending' && !deleting) continue;
    if (!deleting) yield* retirement(image, as, policy, judged);
    if (image.state !== 'pending') yield* uses(image, as, policy, judged);
    const copying = judged.before.copies.some(
      ({ id }) => judged.before.images.find((each) => each.id === id)?.sourceImageId === image.id,
    );
    if (copying) yield `S4: ${image.id} went while it was being copied`;
  }
}

/** S16, by when the stages before were seen, whatever is written on the image. */
function* stages(image: Image, as: Gone, { spec }: AmiPolicy, { now, stagedAt }: JudgedCall): Generator<string> {
  const { deprecateAfterDays, disableAfterDays, deleteAfterDays } = spec.retention ?? {};
  const days = as === 'disabled' ? disableAfterDays : deleteAfterDays;
  if (days === undefined) {
    yield `S2: ${image.id} was ${as} although the policy does not say so`;
    return;
  }
  const since = Date.parse(image.tags[tag('surplus-since')] ?? '');
  if (!(now - since >= days * DAY - CLOCK_TOLERANCE)) yield `S16: ${image.id} was ${as} before its time`;
  if (as === 'deregistered' && disableAfterDays !== undefined && image.state === 'available')
    yield `S16: ${image.id} was deregistered without having been disabled`;
  const before = stagedAt.get(image.id);
  if (!before) return;
  const gap = days - ((before.stage === 'disabled' ? disableAfterDays : deprecateAfterDays) ?? 0);
  if (now - before.at < gap * DAY - CLOCK_TOLERANCE)
    yield `S16: ${image.id} was ${as} too soon after it was ${before.stage}`;
}

/** What reports do not show yet, and how old they may be: a day for instances, three for templates, and a day more. */
const UNSEEN = { instance: 2 * DAY, template: 4 * DAY };

/** What anybody has used for longer than EC2 takes to tell of it is not unused. */
function* uses(image: Image, as: Gone, { spec }: AmiPolicy, judged: JudgedCall): Generator<string> {
  if (spec.retention?.inUse === 'Ignore') return;
  const { before, now, nodeClasses } = judged;
  const { accounts, organizations, organizationalUnits, public: all } = image.permissions;
  const shared = all || accounts.length + organizations.length + organizationalUnits.length > 0;
  if ((shared || spec.retention?.minUnusedDays !== 0) && now - image.createdAt < DAY - CLOCK_TOLERANCE)
    yield `${image.id} was ${as} before EC2 could tell who had launched it`;
  for (const each of nodeClasses)
    if (JSON.stringify(each).includes(image.id))
      yield `${image.id} was ${as} while EC2NodeClass ${each.metadata.name} names it`;
  const own = ({ account }: { account: string }): boolean => account === image.account;
  for (const instance of before.instances) {
    if (instance.imageId !== image.id || instance.region !== image.region) continue;
    if (own(instance) || now - instance.launchedAt > UNSEEN.instance)
      yield `${image.id} was ${as} while ${instance.id} runs it`;
  }
  for (const template of before.launchTemplates) {
    if (template.imageId !== image.id || template.region !== image.region) continue;
    if (own(template) || now - template.madeAt > UNSEEN.template)
      yield `${image.id} was ${as} while ${template.name} names it`;
  }
}

function* retirement(image: Image, as: Gone, policy: AmiPolicy, judged: JudgedCall): Generator<string> {
  yield* stages(image, as, policy, judged);
  const { spec } = policy;
  const { before } = judged;
  const keepNewest = spec.retention?.keepNewest ?? 1;
  const family = image.tags[tag('family')];
  const named =
    spec.source.account === image.account
      ? spec.regions.some(({ name }) => name === image.region)
      : spec.accounts?.some(
          ({ id, regions }) =>
            id === image.account && (regions ?? spec.regions).some(({ name }) => name === image.region),
        );
  const ready = before.images.filter(
    (each) =>
      isReady(each) &&
      each.account === image.account &&
      each.region === image.region &&
      each.tags[tag('family')] === family,
  );
  const versions = new Set(ready.map(({ tags }) => tags[tag('source-image')]));
  const others = new Set(ready.filter(({ id }) => id !== image.id).map(({ tags }) => tags[tag('source-image')]));
  if (named && others.size < keepNewest && others.size < versions.size && isReady(image))
    yield `S4: without ${image.id} only ${others.size} versions of ${family} are left in ${image.account}/${image.region}`;
  const usable = before.images.filter(
    (each) => isReady(each) && each.id !== image.id && each.tags[tag('family')] === family,
  );
  const source = before.images.some((each) => isReady(each) && each.tags[tag('source-image')] === undefined);
  if (usable.length === 0 && !source && isReady(image)) yield `S4: ${image.id} was the last usable image of ${family}`;
}

/** Both the policy and the account must want it. */
const mayBePublic = ({ account }: Image, policy: AmiPolicy | undefined, { allows }: JudgedCall): boolean =>
  policy?.spec.sharing?.public === true && allows(account).includes('Public');

/** S5: nothing that is wanted is taken away, nothing that is not wanted is given, and never to everybody. */
function* grants(judged: JudgedCall): Generator<string> {
  for (const { before, after } of changed(judged.before.images, judged.after.images)) {
    if (!after || after.state === 'deregistered') continue;
    const policy = ownerOf(before.tags, judged);
    const had = new Set([...before.permissions.accounts, ...before.permissions.organizationalUnits]);
    const has = new Set([...after.permissions.accounts, ...after.permissions.organizationalUnits]);
    if (after.permissions.public && !before.permissions.public && !mayBePublic(before, policy, judged))
      yield `S5: ${before.id} was made public`;
    const wanted = new Set([
      ...(policy?.spec.sharing?.accounts ?? []),
      ...(policy?.spec.sharing?.organizationalUnits ?? []),
    ]);
    for (const grantee of has) {
      const temporary = before.tags[tag(`temp-grant-${grantee}`)] !== undefined;
      if (!had.has(grantee) && !wanted.has(grantee) && !temporary)
        yield `S5: ${grantee} was given ${before.id}, which nobody wants`;
    }
    const managed = before.account === policy?.spec.source.account && policy.metadata.deletionTimestamp === undefined;
    for (const grantee of had) {
      if (has.has(grantee)) continue;
      if (managed && wanted.has(grantee)) yield `S5: ${before.id} was taken from ${grantee}, which is listed`;
      if (!policy?.spec.sharing && before.tags[tag(`temp-grant-${grantee}`)] === undefined)
        yield `S5: ${before.id} was taken from ${grantee} although sharing is not managed`;
    }
  }
}

/** S6: a snapshot goes only after every image that uses it, and what lets it go with its own has to be allowed. */
function* snapshots({ call, before, after, allows }: JudgedCall): Generator<string> {
  const left = new Set(after.snapshots.map(({ id }) => id));
  const goesAlong = ({ id, account }: Image): boolean =>
    call.action === 'DeregisterImage' &&
    call.parameters['ImageId'] === id &&
    allows(account).includes('SkipRecycleBin');
  for (const { id } of before.snapshots) {
    if (left.has(id)) continue;
    const user = after.images.find(
      (image) =>
        (image.state !== 'deregistered' || (image.inRecycleBin && !goesAlong(image))) &&
        image.volumes.some(({ snapshotId }) => snapshotId === id),
    );
    if (user) yield `S6: ${id} went although ${user.id} uses it`;
  }
}

/** S7: at most one live copy for each policy, source image, target and key. */
function* duplicates({ before, after }: JudgedCall): Generator<string> {
  const keyOf = ({ tags, account, region, volumes }: Image): string =>
    `${tags[tag('policy-uid')]} ${tags[tag('source-image')]} ${account}/${region} ${volumes[0]?.kmsKeyId ?? ''}`;
  const known = new Set(before.images.map(({ id }) => id));
  for (const image of after.images) {
    if (known.has(image.id) || image.tags[tag('source-image')] === undefined) continue;
    const twin = before.images.find((each) => isLive(each) && keyOf(each) === keyOf(image));
    if (twin) yield `S7: ${image.id} is a second copy beside ${twin.id}`;
  }
}
