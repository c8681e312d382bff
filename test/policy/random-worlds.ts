import * as fc from 'fast-check';
import {
  type Answer,
  type Image,
  listingKey,
  type Target,
  targetKey,
  type UsageReport,
} from '../../src/policy/model.ts';
import type { NodeClass } from '../../src/policy/node-classes.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { isoTime, TAG, tempGrantTag } from '../../src/policy/tags.ts';
import { AWAY, AWAY_EU, AWAY_US, ami, daysAgo, EU, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

/** Worlds and policies of a few images, in which whatever can happen happens often. */

const PLACES = [SOURCE, EU, AWAY_EU, AWAY_US];
const often = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) });
const days = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined, freq: 4 });
const grantees = fc.subarray([PARTNER, AWAY, '555566667777']);

const FOREIGN_USE = { account: PARTNER, type: 'ec2:Instance', count: 2 };
const REPORTS = {
  clear: (id: string): Answer<UsageReport> => ({
    ok: true,
    value: { kind: 'available', id, createdAt: daysAgo(0.5), usages: [] },
  }),
  used: (id: string): Answer<UsageReport> => ({
    ok: true,
    value: { kind: 'available', id, createdAt: daysAgo(0.5), usages: [FOREIGN_USE] },
  }),
  stale: (id: string): Answer<UsageReport> => ({
    ok: true,
    value: { kind: 'available', id, createdAt: daysAgo(2), usages: [] },
  }),
  none: (): Answer<UsageReport> => ({ ok: true, value: { kind: 'none' } }),
  pending: (id: string): Answer<UsageReport> => ({ ok: true, value: { kind: 'pending', id, createdAt: daysAgo(0.5) } }),
  failed: (id: string): Answer<UsageReport> => ({
    ok: true,
    value: { kind: 'failed', id, createdAt: daysAgo(0.5), why: 'AWS knows' },
  }),
  unknown: (): Answer<UsageReport> => ({ ok: false, why: 'AWS refused' }),
};

/** Each of them keeps the image of that id. */
const NODE_CLASSES = {
  named: ({ id }: Image): NodeClass => ({ name: `names-${id}`, terms: [{ id }], chosen: [] }),
  chosen: ({ id }: Image): NodeClass => ({ name: `chose-${id}`, terms: [{ tags: { app: '*' } }], chosen: [id] }),
  doubtful: ({ id, name }: Image): NodeClass => ({ name: `may-take-${id}`, terms: [{ name }] }),
};

const source = fc.record({
  state: often<Image['state']>('available', 'pending', 'failed', 'disabled'),
  gone: often(false, true),
  named: often(true, false),
  createdDaysAgo: fc.integer({ min: 0, max: 8 }),
  architecture: often('x86_64', 'arm64'),
  app: often('a', 'b'),
  byHand: fc.array(
    fc.record({ at: fc.constantFrom(...PLACES), state: often<Image['state']>('available', 'pending') }),
    {
      maxLength: 2,
    },
  ),
  claim: fc.constantFrom<'none' | 'ours' | 'theirs'>('none', 'none', 'ours', 'theirs'),
  grants: grantees,
  copies: fc.array(
    fc.record({
      at: fc.constantFrom(...PLACES),
      state: often<Image['state']>('available', 'pending', 'failed', 'disabled', 'error'),
      owner: fc.constantFrom<'ours' | 'former' | 'theirs' | 'lookalike'>(
        'ours',
        'ours',
        'ours',
        'former',
        'theirs',
        'lookalike',
      ),
      surplusDays: days,
      withdrawn: often(false, true),
      hold: often(false, true),
      temporary: often(false, true),
      grants: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: grantees }),
      references: often('none', 'used', 'unknown'),
      report: often<keyof typeof REPORTS>('clear', 'used', 'stale', 'none', 'pending', 'failed', 'unknown'),
      madeDaysAgo: often(60, 0.5),
      launchedDaysAgo: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      nodeClass: often<'none' | keyof typeof NODE_CLASSES>('none', 'named', 'chosen', 'doubtful'),
      marked: often(false, true),
    }),
    { maxLength: 5 },
  ),
});

export interface Drawn {
  readonly sources: readonly (typeof source extends fc.Arbitrary<infer T> ? T : never)[];
  readonly hidden: readonly (typeof SOURCE)[];
  readonly cluster: 'none' | 'seen' | 'unread';
}

export const drawn: fc.Arbitrary<Drawn> = fc.record({
  sources: fc.array(source, { maxLength: 5 }),
  hidden: fc.oneof(
    { weight: 5, arbitrary: fc.constant<typeof PLACES>([]) },
    { weight: 1, arbitrary: fc.subarray(PLACES) },
  ),
  cluster: often<Drawn['cluster']>('seen', 'none', 'unread'),
});

export const policies: fc.Arbitrary<PlanInput['spec']> = fc
  .record({
    exclude: fc.subarray([ami(1), 'web-2']),
    groupBy: fc.constantFrom<string[] | undefined>(undefined, ['app']),
    newest: fc.constantFrom(undefined, 1, 2, 3),
    regions: fc.constantFrom(['us-east-1', 'eu-west-1'], ['eu-west-1'], ['us-east-1']),
    adoption: often<'None' | 'Matching'>('None', 'Matching'),
    accounts: fc.constantFrom(undefined, [{ id: AWAY, share: false }], [{ id: AWAY, share: true }]),
    sharing: fc.option(
      fc.record({ accounts: grantees, unlistedGrants: fc.constantFrom('Revoke' as const, 'Keep' as const) }),
      { nil: undefined },
    ),
    retention: fc.option(
      fc.record({
        keepNewest: fc.integer({ min: 1, max: 3 }),
        keepDays: fc.constantFrom(undefined, 2, 5),
        deleteAfterDays: fc.constantFrom(undefined, 0, 0, 3),
        minUnusedDays: often<number | undefined>(undefined, 0, 7),
        snapshots: fc.constantFrom('Delete' as const, 'Keep' as const),
        maxDeletionsPerDay: fc.constantFrom(0, 1, 10),
      }),
      { nil: undefined, freq: 5 },
    ),
  })
  .map(({ exclude, groupBy, newest, regions, adoption, accounts, sharing, retention }) =>
    spec({
      source: {
        images: { names: ['web-*'], ...(exclude.length > 0 && { exclude }) },
        ...(groupBy && { groupBy }),
        ...(newest !== undefined && { newest }),
      },
      regions,
      adoption,
      ...(accounts && { accounts: accounts.map((each) => ({ ...each, share: each.share && sharing !== undefined })) }),
      ...(sharing && { sharing }),
      ...(retention && { retention: present(retention) }),
    }),
  );

function present<T extends object>(of: T): T {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as T;
}

const OWNERS = {
  ours: OWNER,
  lookalike: OWNER,
  former: { ...OWNER, uid: 'uid-0' },
  theirs: { ...OWNER, name: 'other', uid: 'uid-2' },
};

/** Builds the world that was drawn. */
export function build({ sources, hidden, cluster }: Drawn): World {
  const world = new World(...PLACES);
  if (cluster === 'seen') world.nodeClasses = { ok: true, value: [] };
  if (cluster === 'unread') world.nodeClasses = { ok: false, why: 'the API server refused' };
  sources.forEach(({ copies, byHand, named, createdDaysAgo, app, claim, grants, ...image }, index) => {
    const number = index + 1;
    world.source(number, {
      ...image,
      name: `${named ? 'web' : 'db'}-${number}`,
      createdAt: daysAgo(createdDaysAgo),
      tags: { app },
      grants: { accounts: image.state === 'available' ? grants : [] },
    });
    if (!image.gone && claim !== 'none') world.claim(number, OWNERS[claim]);
    if (!image.gone && claim === 'ours') world.retag(SOURCE, ami(number), { [tempGrantTag(AWAY)]: 'launch+snapshots' });
    for (const copy of copies) addCopy(world, number, copy);
    for (const target of PLACES) {
      const found = byHand.filter(({ at }) => at === target).map(({ state }) => madeByHand(world, number, state));
      world.place(target).madeFrom.set(ami(number), { ok: true, value: found });
    }
  });
  for (const target of hidden) world.hide(target);
  return world;
}

/** What somebody else made of a source image; only who asks for it sees it. */
function madeByHand(world: World, number: number, state: Image['state']): Image {
  const id = ami(world.number);
  const volumes = [{ snapshotId: `snap-${id.slice(4)}`, sizeGiB: 8, encrypted: false }];
  const source = world.image(SOURCE, ami(number)) ?? world.gone.get(ami(number));
  if (!source) throw new Error(`there is no source image ${number}`);
  return { ...source, id, state, name: `by-hand-${number}`, tags: { by: 'hand' }, volumes, madeFrom: ami(number) };
}

function addCopy(world: World, number: number, copy: Drawn['sources'][number]['copies'][number]): void {
  const id = world.copy(number, copy.at, {
    state: copy.state,
    owner: OWNERS[copy.owner],
    grants: { accounts: copy.state === 'available' ? copy.grants.filter((id) => id !== copy.at.account) : [] },
    tags: {
      ...(copy.surplusDays !== undefined && { [TAG.surplusSince]: isoTime(daysAgo(copy.surplusDays)) }),
      ...(copy.withdrawn && { [TAG.withdrawnSince]: isoTime(daysAgo(9)) }),
      ...(copy.hold && { [TAG.hold]: 'do not touch' }),
      ...(copy.temporary && { [tempGrantTag(AWAY)]: 'launch' }),
    },
    image: {
      createdAt: daysAgo(copy.madeDaysAgo),
      ...(copy.owner === 'lookalike' && { madeFrom: ami(0xfff) }),
      ...(copy.launchedDaysAgo !== undefined && { lastLaunchedAt: daysAgo(copy.launchedDaysAgo) }),
    },
  });
  const place = world.place(copy.at);
  if (copy.references === 'used') place.references.set(id, { ok: true, value: ['ec2:Instance i-1'] });
  place.usage.set(id, REPORTS[copy.report](id));
  const made = world.image(copy.at, id);
  if (made && copy.nodeClass !== 'none' && world.nodeClasses?.ok)
    world.nodeClasses = { ok: true, value: [...world.nodeClasses.value, NODE_CLASSES[copy.nodeClass](made)] };
  if (copy.references === 'unknown') place.references.set(id, { ok: false, why: 'AWS refused' });
  const snapshotId = world.image(copy.at, id)?.volumes[0]?.snapshotId;
  if (copy.marked && snapshotId) world.retag(copy.at, snapshotId, { [TAG.deleting]: `${id} ${isoTime(daysAgo(1))}` });
}

export const VENDOR: Target = { account: '777788889999', region: SOURCE.region };

/** The sources of a world as those of another account, which lets the source account read all of them. */
export function handOver(world: World): void {
  const place = world.place(SOURCE);
  for (const image of place.images.values()) {
    if (image.tags[TAG.sourceImage] !== undefined) continue;
    place.images.delete(image.id);
    world.put(VENDOR, { ...image, tags: {} });
    world.grant(VENDOR, image.id, { accounts: [SOURCE.account] });
    for (const { snapshotId } of image.volumes)
      world.place(VENDOR).volume.set(snapshotId ?? '', { ok: true, value: [SOURCE.account] });
  }
}

/** Plans for a policy whose sources are another account's; they are looked up as the plan asks for them. */
export function planForVendor(world: World, policy: PlanInput['spec']): Plan {
  const { source } = policy;
  const foreign = { ...policy, source: { ...source, images: { ...source.images, owner: VENDOR.account } } };
  const look = (): Plan => {
    const targets = world.views();
    targets.delete(targetKey(VENDOR));
    return world.plan(foreign, { targets, withdrawalConfirmed: true });
  };
  const shown = [...world.place(VENDOR).images].filter(([, { state }]) => state === 'available');
  for (const need of look().needs)
    if (need.kind === 'sharedImages')
      world.place(SOURCE).sharedImages.set(listingKey(need.listing), { ok: true, value: new Map(shown) });
  return look();
}
