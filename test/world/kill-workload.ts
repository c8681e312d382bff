import { expect } from 'vitest';
import { canonical, canonicalStatus } from './canonical.ts';
import { ACCOUNTS, BUILDERS, policy, seedOf } from './documents.ts';
import type { Death } from './lifeline.ts';
import { DAY, HOUR, World } from './world.ts';

/** Keeps one version, so that a release makes the one before it surplus, and sharing is left to the source account. */
const POLICY = policy({
  sharing: undefined,
  retention: { keepNewest: 1, deleteAfterDays: 1 },
  tags: { add: { team: 'platform' } },
});

/** What a run of the workload came to. */
export interface Outcome {
  readonly changes: readonly string[];
  readonly end: object;
  readonly status: object;
  readonly made: number;
  readonly violations: readonly string[];
}

/**
 * One workload with everything that changes AWS: copies within and across accounts with their temporary grants, a new
 * release, surplus marks, and a day later the deletion of images and snapshots. A controller that dies is started again.
 */
export async function runWorkload(death?: Death): Promise<Outcome> {
  const world = new World(seedOf());
  for (const document of [...ACCOUNTS, POLICY]) world.apply(document);
  let controller = world.launch({ resyncMs: HOUR, ...(death && { death }) });
  const alive = (): void => {
    if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
  };
  const until = (what: string, done: () => boolean, limit: number): Promise<void> =>
    world.until(
      what,
      () => {
        alive();
        return done();
      },
      limit,
    );
  await until('the first version is everywhere', () => world.isReady('web'), 2 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
  // Of the versions in status the newest come first; of web-3 only the source image is left in the end.
  const readyOf = (name: string): number | undefined =>
    world.policy('web')?.status?.versions?.find((version) => version.name === name)?.ready;
  await until('the release is everywhere', () => readyOf('web-4') === 3 && world.isReady('web'), 2 * HOUR);
  await until('the old copies are gone', () => readyOf('web-3') === 1, 2 * DAY);
  for (let look = 0; look < 4; look++) {
    await world.rest(HOUR);
    alive();
  }
  expect(world.condition('web', 'Ready')).toMatchObject({ status: 'True' });
  return {
    changes: controller.life.changes,
    end: canonical(world.aws.world()),
    status: canonicalStatus(world.policy('web')?.status),
    made: world.oracle.made.size,
    violations: world.oracle.violations,
  };
}
