import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/ec2/faults.ts';
import { canonical, canonicalStatus } from './canonical.ts';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, everywhere, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
/** No sharing: what others run could not be seen, and then nothing is ever proven unused. */
const POLICY = policy({ sharing: undefined, retention: { keepNewest: 2, deleteAfterDays: 1 } });
const FAULTS_LAST = HOUR + 10 * MINUTE;

interface Place {
  readonly account?: string;
  readonly region?: string;
}

const covers = (place: Place, account: string, region: string): boolean =>
  (place.account ?? account) === account && (place.region ?? region) === region;

/** However long AWS fails, it is not asked without end. */
const callsOf = (world: World): number => world.aws.calls().reduce((sum, { count }) => sum + count, 0);

/** What must not be done in a target while `action` fails in `place` (S3). */
function isForbidden(action: string, place: Place, call: { action: string; account: string; region: string }): boolean {
  const here = covers(place, call.account, call.region);
  const destroys = call.action === 'DeregisterImage' || call.action === 'DeleteSnapshot';
  if (action === 'DescribeImages' || action === 'DescribeSnapshots')
    return destroys && (here || covers(place, BUILDERS, 'us-east-1'));
  if (action === 'DescribeImageReferences' || action === 'DescribeImageAttribute')
    return here && call.action === 'DeregisterImage';
  return here && action === 'ListImagesInRecycleBin' && call.action === 'DeleteSnapshot';
}

/**
 * Two versions are everywhere; then one is enough, so that the older is due for deletion, and a release is to be copied,
 * at the very moment when `fault` begins. Some time later it ends.
 */
async function run(fault?: { readonly action: string; readonly kind: Fault['kind']; readonly place: Place }) {
  const world = begin([POLICY], { seed: seedOf({ copySeconds: [5, 10] }) });
  world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  await world.rest(10 * MINUTE);
  world.aws.resetCalls();
  const wrong: string[] = [];
  let failing = fault !== undefined && fault.kind !== 'stale';
  world.aws.onMutation((call) => {
    if (fault && failing && isForbidden(fault.action, fault.place, call))
      wrong.push(`${call.action} in ${call.account}/${call.region} while ${fault.action} fails`);
  });
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  if (fault) world.aws.setFaults([{ action: fault.action, kind: fault.kind, ...fault.place, nth: 1, times: 1e6 }]);
  world.patch('web', { spec: { retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } } });
  await world.rest(FAULTS_LAST);
  failing = false;
  expect(callsOf(world)).toBeLessThan(600);
  world.aws.setFaults([]);
  await world.until('only the newest is left', () => world.isReady('web') && everywhere(world, 'web-4'), 3 * HOUR);
  await world.rest(HOUR + MINUTE);
  return {
    wrong,
    end: canonical(world.aws.world()),
    status: canonicalStatus(world.policy('web')?.status),
    made: world.oracle.made.size,
  };
}

const KINDS = [
  'throttle',
  'reset-before',
  'error-UnauthorizedOperation',
  'partial',
  'timeout-after',
  'http-500',
  'stale',
  'error-AuthFailure',
  'reset-after',
  'timeout-before',
] as const;
const ACTIONS = [
  'DescribeImages',
  'DescribeSnapshots',
  'DescribeImageAttribute',
  'DescribeImageReferences',
  'ListImagesInRecycleBin',
  'CopyImage',
  'CreateTags',
  'DeleteTags',
  'ModifyImageAttribute',
  'ModifySnapshotAttribute',
  'DeregisterImage',
  'DeleteSnapshot',
  'AssumeRole',
];
const EVERYWHERE: Place = {};
const PLACES: readonly Place[] = [
  EVERYWHERE,
  { account: PRODUCTION, region: 'eu-west-1' },
  { account: BUILDERS, region: 'us-east-1' },
];
const isRead = (action: string): boolean => /^(Describe|List)/.test(action);

/**
 * Every third cell of the table of actions and kinds, so that each action meets each sort of fault and each kind several
 * actions; reads fail in a place that changes from cell to cell.
 */
const CELLS = ACTIONS.flatMap((action, row) =>
  KINDS.flatMap((kind, column) => {
    if ((row + column) % 3 !== 0 || (kind === 'stale' && !isRead(action))) return [];
    const place = isRead(action) ? (PLACES[column % PLACES.length] ?? EVERYWHERE) : EVERYWHERE;
    return [[action, kind, [place.account, place.region].join('/'), place] as const];
  }),
);

describe('a fault of AWS that lasts for more than an hour', () => {
  const reference = run();

  it.each(CELLS)(
    '%s: %s, %s: nothing is destroyed unseen or made twice, and the end is the same',
    async (action, kind, _, place) => {
      const outcome = await run({ action, kind, place });
      expect(outcome).toEqual(await reference);
      expect(outcome.wrong).toEqual([]);
    },
  );
});

describe('a fault while images are shared', () => {
  const SHARED = policy();

  async function share(fault?: { readonly action: string; readonly kind: Fault['kind'] }) {
    const world = begin([SHARED], { seed: seedOf({ copySeconds: [5, 10] }) });
    if (fault) world.aws.setFaults([{ ...fault, nth: 1, times: 1e6 }]);
    world.launch({ resyncMs: HOUR });
    await world.rest(30 * MINUTE);
    expect(callsOf(world)).toBeLessThan(300);
    world.aws.setFaults([]);
    await world.untilReady('web', 3 * HOUR);
    await world.rest(2 * HOUR);
    return {
      end: canonical(world.aws.world()),
      status: canonicalStatus(world.policy('web')?.status),
      made: world.oracle.made.size,
    };
  }

  const reference = share();

  it.each([
    ['CreateTags', 'error-UnauthorizedOperation'],
    ['CreateTags', 'timeout-after'],
    ['DescribeImageAttribute', 'error-UnauthorizedOperation'],
    ['DescribeSnapshotAttribute', 'http-500'],
    ['ModifyImageAttribute', 'error-UnauthorizedOperation'],
    ['ModifyImageAttribute', 'reset-after'],
    ['ModifySnapshotAttribute', 'throttle'],
    ['DeleteTags', 'error-UnauthorizedOperation'],
    ['DescribeRegions', 'error-UnauthorizedOperation'],
    ['GetCallerIdentity', 'timeout-before'],
    ['*', 'throttle'],
    ['*', 'timeout-after'],
  ] as const)('%s: %s: nothing is given before it is marked, and the end is the same', async (action, kind) => {
    expect(await share({ action, kind })).toEqual(await reference);
  });
});

describe('a fault of one account that never ends', () => {
  it.each([
    ['AssumeRole', 'error-AccessDenied', /AssumeRoleFailed.*222233334444/],
    ['DescribeImages', 'error-UnauthorizedOperation', /UnauthorizedOperation.*222233334444/],
    ['CopyImage', 'throttle', /RequestLimitExceeded.*222233334444/],
    ['DescribeSnapshots', 'timeout-before', /Timeout.*222233334444/],
  ] as const)('%s: %s: the other account converges, and status says what is stuck', async (action, kind, text) => {
    const world = begin([POLICY]);
    const account = action === 'AssumeRole' ? BUILDERS : PRODUCTION;
    world.aws.setFaults([{ action, kind, account, nth: 1, times: 1e6 }]);
    world.launch({ resyncMs: HOUR });
    await world.rest(HOUR);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.rest(DAY + 3 * HOUR);
    expect(copiesIn(world, BUILDERS, 'eu-west-1').map(({ name }) => name)).toEqual(['web-3', 'web-4']);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
    expect(saying(world, 'web', 'Ready')).toMatch(/^False /);
    expect(JSON.stringify(world.policy('web')?.status?.conditions)).toMatch(text);
    const target = world.policy('web')?.status?.targets?.find((each) => each.account === PRODUCTION);
    expect(target?.problem).toBeDefined();
  });
});
