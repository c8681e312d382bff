import { expect, it } from 'vitest';
import { Karpenter, nodeClassKind } from '../kube/karpenter.ts';
import { BUILDERS, policy } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn } from './scene.ts';
import { DAY, HOUR, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const RETENTION = { keepNewest: 1, deleteAfterDays: 1 };

const idOf = (world: World, name: string): string =>
  copiesIn(world, BUILDERS, 'eu-west-1').find((image) => image.name === name)?.id ?? '';
const isGone = (world: World): boolean => idOf(world, 'web-3') === '';
const why = (world: World, code: string): string | undefined =>
  blockedIn(world, 'web').find((line) => line.startsWith(`${code} web-3 `));

/** web-4 takes the place of web-3, in a cluster with Karpenter. */
async function released(before: (world: World, karpenter: Karpenter) => void = () => undefined, retention = {}) {
  const spec = { sharing: undefined, accounts: undefined, retention: { ...RETENTION, ...retention } };
  const world = begin([policy(spec)], { kinds: [nodeClassKind('v1')] });
  const karpenter = new Karpenter(world.kube, 'v1');
  world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  before(world, karpenter);
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('web-4 is there', () => namesIn(world, BUILDERS, 'eu-west-1').includes('web-4'), 2 * HOUR);
  return { world, karpenter };
}

it('an image that a node class names stays for as long as it does, and leaves within the hour when it does not', async () => {
  const { world, karpenter } = await released((before, classes) =>
    classes.choose('nodes', [idOf(before, 'web-3')], classes.apply('nodes', [{ id: idOf(before, 'web-3') }])),
  );
  await world.rest(3 * DAY);
  expect(isGone(world)).toBe(false);
  expect(why(world, 'InUse')).toContain('EC2NodeClass nodes names it');
  expect(world.isReady('web')).toBe(true);
  await expectRest(world);
  karpenter.choose('nodes', [idOf(world, 'web-4')], karpenter.apply('nodes', [{ id: idOf(world, 'web-4') }]));
  await world.until('web-3 is gone', () => isGone(world), 3 * HOUR);
  await expectRest(world);
});

it('peer complaint 36: what a node class names may be deprecated, and stays launchable for as long as it does', async () => {
  const { world } = await released((before, classes) => classes.apply('nodes', [{ id: idOf(before, 'web-3') }]), {
    deprecateAfterDays: 0,
    disableAfterDays: 1,
    deleteAfterDays: 2,
  });
  await world.rest(4 * DAY);
  const old = copiesIn(world, BUILDERS, 'eu-west-1').find(({ name }) => name === 'web-3');
  expect(old).toMatchObject({ state: 'available', deprecationTime: expect.anything() as unknown });
  expect(why(world, 'InUse')).toContain('EC2NodeClass nodes names it');
  await expectRest(world);
});

it('what Karpenter has chosen by tags stays until it has chosen the newer one', async () => {
  const { world, karpenter } = await released((before, classes) =>
    classes.choose('nodes', [idOf(before, 'web-3')], classes.apply('nodes', [{ tags: { app: 'web' } }])),
  );
  await world.rest(3 * DAY);
  expect(isGone(world)).toBe(false);
  expect(why(world, 'InUse')).toContain('EC2NodeClass nodes launches nodes from it');
  karpenter.choose('nodes', [idOf(world, 'web-4')], 1);
  await world.until('web-3 is gone', () => isGone(world), 3 * HOUR);
});

it('a node class that nobody has looked at yet keeps whatever it could select', async () => {
  const { world, karpenter } = await released((_, classes) => classes.apply('nodes', [{ name: 'web-*' }]));
  await world.rest(3 * DAY);
  expect(isGone(world)).toBe(false);
  expect(why(world, 'UseUnknown')).toContain('EC2NodeClass nodes may select it');
  await expectRest(world);
  karpenter.remove('nodes');
  await world.until('web-3 is gone', () => isGone(world), 3 * HOUR);
});

it('a node class that is made just before an image would go is seen all the same', async () => {
  const { world, karpenter } = await released();
  const due = (): number => Date.parse(tagOf(world, 'surplus-since')) + DAY;
  await world.until('web-3 is surplus', () => !Number.isNaN(due()), HOUR);
  await world.rest(due() - world.clock.now() - 2000);
  karpenter.apply('nodes', [{ id: idOf(world, 'web-3') }]);
  await world.rest(DAY);
  expect(isGone(world)).toBe(false);
  expect(why(world, 'InUse')).toContain('EC2NodeClass nodes names it');
});

it('while the node classes cannot be listed nothing goes, and status says why', async () => {
  const { world } = await released((before) =>
    before.kube.setFaults([{ verb: 'list', resource: 'ec2nodeclasses', kind: 'server-error', times: 1e6 }]),
  );
  await world.rest(2 * DAY);
  expect(isGone(world)).toBe(false);
  expect(why(world, 'UseUnknown')).toContain('the EC2NodeClasses of the cluster could not be read');
  await expectRest(world);
  world.kube.setFaults([]);
  await world.until('web-3 is gone', () => isGone(world), 3 * HOUR);
});

const tagOf = (world: World, name: string): string =>
  copiesIn(world, BUILDERS, 'eu-west-1').find((image) => image.name === 'web-3')?.tags[`amifleet.io/${name}`] ?? '';
