import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/kube/faults.ts';
import { canonical, canonicalStatus } from './canonical.ts';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, everywhere, expectRest, namesIn } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

const FAULTS_LAST = 3 * MINUTE;
const TAGS = { app: 'web', release: 'stable' };
const POLICY = policy({ sharing: undefined, retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } });

/** One version is everywhere; `disturb` begins, and with it a release takes its place. */
async function run(
  disturb: (world: World) => void = () => undefined,
  before: (world: World) => void = () => undefined,
  lasting = FAULTS_LAST + MINUTE,
) {
  const world = begin([POLICY], { seed: seedOf({ copySeconds: [5, 10] }) });
  before(world);
  world.launch();
  await world.untilReady('web');
  disturb(world);
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.rest(lasting);
  world.kube.setFaults([]);
  world.patch('web', { spec: { tags: { add: { team: 'platform' } } } });
  await world.until('only the release is left', () => world.isReady('web') && everywhere(world, 'web-4'), HOUR);
  await expectRest(world);
  return {
    end: canonical(world.aws.world()),
    status: canonicalStatus(world.policy('web')?.status),
    made: world.oracle.made.size,
  };
}

describe('faults of the API server', () => {
  const reference = run();

  const faults: readonly (readonly [string, Fault])[] = [
    ['requests for policies are throttled', { kind: 'throttle', resource: 'amipolicies' }],
    ['requests for policies are answered with 500', { kind: 'server-error', resource: 'amipolicies' }],
    ['requests for accounts are answered with 500', { kind: 'server-error', resource: 'awsaccounts' }],
    ['writes meet conflicts', { kind: 'conflict', verb: 'patch' }],
    ['status writes are lost', { kind: 'reset-before', verb: 'patch', subresource: 'status' }],
    ['the answers of status writes are lost', { kind: 'reset-after', verb: 'patch', subresource: 'status' }],
    ['the answers of all writes are lost', { kind: 'reset-after', verb: 'patch' }],
    ['status writes are never answered', { kind: 'silent-after', verb: 'patch', subresource: 'status' }],
    ['reads are never answered', { kind: 'silent-before', verb: 'get', resource: 'amipolicies' }],
    ['lists fail', { kind: 'server-error', verb: 'list' }],
    ['watches are refused', { kind: 'server-error', verb: 'watch' }],
  ];

  it.each(faults)('%s for three minutes, at the start and in the middle: the end is the same', async (_, fault) => {
    const set = (world: World): void => {
      world.kube.setFaults([{ ...fault, times: 1e6 }]);
      world.clock.after(FAULTS_LAST, () => world.kube.setFaults([]));
    };
    expect(await run(set, set)).toEqual(await reference);
  });

  it('events that cannot be written keep nothing from being done', async () => {
    const set = (world: World): void =>
      world.kube.setFaults([{ kind: 'server-error', resource: 'events', times: 1e6 }]);
    expect(await run(set)).toEqual(await reference);
  });

  it.each([
    ['cut', (world: World) => world.kube.cutWatches()],
    ['silent', (world: World) => world.kube.silenceWatches()],
    [
      'cut after the changes since were forgotten',
      (world: World) => {
        world.kube.compact();
        world.kube.cutWatches();
      },
    ],
  ] as const)('watches %s in the middle: the end is the same', async (_, disturb) => {
    expect(await run(disturb)).toEqual(await reference);
  });

  it.each([
    ['says nothing', 'silent-before', (world: World) => world.kube.silenceWatches()],
    ['is gone', 'reset-before', (world: World) => world.kube.cutWatches()],
  ] as const)(
    'an API server that %s for ten minutes: nothing is lost and nothing is done twice',
    async (_, kind, end) => {
      const away = (world: World): void => {
        end(world);
        world.kube.setFaults([{ kind, times: 1e6 }]);
      };
      expect(await run(away, undefined, 10 * MINUTE)).toEqual(await reference);
    },
  );

  it('a controller that starts while the API server is down begins when it is there', async () => {
    const world = begin([POLICY], { seed: seedOf({ copySeconds: [5, 10] }) });
    world.launch();
    world.kube.setFaults([{ kind: 'server-error', verb: 'list', times: 40 }]);
    await world.untilReady('web', HOUR);
    expect(namesIn(world, PRODUCTION, 'eu-west-1')).toEqual(['web-3']);
  });
});

describe('without a watch', () => {
  it('a change is seen by the next list, and nothing depends on events', async () => {
    const world = begin([policy()]);
    world.kube.setFaults([{ kind: 'reset-before', verb: 'watch', times: 1e6 }]);
    world.launch();
    await world.untilReady('web');
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }, { name: 'us-west-2' }] } });
    await world.until(
      'the new region is filled',
      () => namesIn(world, BUILDERS, 'us-west-2').length === 1,
      10 * MINUTE,
    );
    await world.untilReady('web', 10 * MINUTE);
    world.apply(policy({}, 'second'));
    await world.until(
      'the second is seen',
      () => world.policy('second')?.status?.observedGeneration === 1,
      10 * MINUTE,
    );
    expect(world.policy('second')?.status?.observedGeneration).toBe(1);
  });

  it('a watch that says nothing is noticed, and a change is seen all the same', async () => {
    const world = begin([policy()]);
    world.launch();
    await world.untilReady('web');
    world.kube.silenceWatches();
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }, { name: 'us-west-2' }] } });
    await world.until(
      'the new region is filled',
      () => namesIn(world, BUILDERS, 'us-west-2').length === 1,
      20 * MINUTE,
    );
    expect(world.condition('web', 'Ready')).toBeDefined();
  });
});
