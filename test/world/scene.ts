import { afterEach, expect } from 'vitest';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import type { ResourceType } from '../../src/simulator/kube/resource-type.ts';
import { ACCOUNTS, BUILDERS, PRODUCTION, seedOf } from './documents.ts';
import { World } from './world.ts';

const worlds: World[] = [];

// Whatever a test is about, no write of its controllers may break a safety rule.
afterEach(() => {
  const broken = worlds.splice(0).flatMap(({ oracle }) => oracle.violations);
  if (broken.length > 0) throw new Error(`safety rules were broken:\n${broken.join('\n')}`);
});

/** A world with `documents` in it, judged at the end of the test. Default seed: two accounts, three images. */
export function begin(
  documents: readonly object[],
  options: {
    readonly seed?: object;
    readonly accounts?: readonly object[];
    readonly kinds?: readonly ResourceType[];
  } = {},
): World {
  const world = new World(options.seed ?? seedOf(), options.kinds);
  worlds.push(world);
  for (const document of [...(options.accounts ?? ACCOUNTS), ...documents]) world.apply(document);
  return world;
}

export type SeenImage = WorldView['images'][number];

/** The copies in a target that are not gone, in the order of their names. */
export const copiesIn = (world: World, account: string, region: string): SeenImage[] =>
  world.aws
    .world()
    .images.filter(
      (image) =>
        image.account === account &&
        image.region === region &&
        image.state !== 'deregistered' &&
        image.tags['amifleet.io/source-image'] !== undefined,
    )
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));

export const namesIn = (world: World, account: string, region: string): string[] =>
  copiesIn(world, account, region)
    .filter(({ state }) => state === 'available')
    .map(({ name }) => name);

/** What a condition says, in one line: `False RegionNotEnabled: …`; empty where it is absent. */
export function saying(world: World, name: string, type: string): string {
  const condition = world.condition(name, type);
  return condition ? `${condition.status} ${condition.reason}: ${condition.message}` : '';
}

/** What is blocked in the published plan, each as `Reason subject: message`. */
export const blockedIn = (world: World, name: string): string[] =>
  world
    .policy(name)
    ?.status?.plan?.blocked?.map(({ reason, subject, message }) => `${reason} ${subject}: ${message}`) ?? [];

/** Nothing is changed any more in several resyncs: neither in AWS nor in the status. */
export async function expectRest(world: World): Promise<void> {
  await world.rest();
  const { mutations, statusWrites } = world.oracle;
  await world.rest();
  expect({ mutations: world.oracle.mutations, statusWrites: world.oracle.statusWrites }).toEqual({
    mutations,
    statusWrites,
  });
}

/** Whether eu-west-1 holds copies of exactly these names, joined by commas, in both accounts; pending ones count. */
export const everywhere = (world: World, names: string): boolean =>
  [BUILDERS, PRODUCTION].every(
    (id) =>
      copiesIn(world, id, 'eu-west-1')
        .map(({ name }) => name)
        .join() === names,
  );
