import { describe, expect, it } from 'vitest';
import { canonical, canonicalStatus } from './canonical.ts';
import { account, BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import type { Death } from './lifeline.ts';
import { copiesIn } from './scene.ts';
import { DAY, HOUR, World } from './world.ts';

const EU = 'eu-west-1';
const DOCUMENTS = [
  account(BUILDERS, { allow: ['SkipRecycleBin'] }),
  account(PRODUCTION),
  policy({ accounts: undefined, sharing: undefined, retention: { keepNewest: 1, deleteAfterDays: 1 } }),
];

/**
 * The ways in which images leave with their snapshots: a copy that failed, and one that is due, of whose two snapshots
 * EC2 cannot delete one at once.
 */
async function run(death?: Death): Promise<{ changes: readonly string[]; made: number; end: object; status: object }> {
  const world = new World(seedOf());
  for (const document of DOCUMENTS) world.apply(document);
  let failed = '';
  world.aws.onMutation(({ action, region }, _, after) => {
    if (failed || action !== 'CopyImage' || region !== EU) return;
    failed = after.images.find((image) => image.region === EU)?.id ?? '';
    world.aws.failCopy(failed, 'Copy image failed with an internal error');
  });
  world.aws.setFaults([{ action: 'DeregisterImage/DeleteSnapshot', kind: 'error-InternalError', nth: 3, times: 1 }]);
  let controller = world.launch({ resyncMs: HOUR, ...(death && { death }) });
  const until = (what: string, done: () => boolean, limit: number): Promise<void> =>
    world.until(
      what,
      () => {
        if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
        return done();
      },
      limit,
    );
  const names = (): string =>
    copiesIn(world, BUILDERS, EU)
      .map(({ name, state }) => `${name} ${state}`)
      .join();
  await until('the copy that failed is replaced and gone', () => names() === 'web-3 available', 4 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
  await until('only the release is left', () => names() === 'web-4 available', 3 * DAY);
  for (let look = 0; look < 3; look++) {
    await world.rest(HOUR);
    if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
  }
  expect(world.condition('web', 'Ready')).toMatchObject({ status: 'True' });
  expect(world.oracle.violations).toEqual([]);
  return {
    changes: controller.life.changes,
    made: world.oracle.made.size,
    end: canonical(world.aws.world()),
    status: canonicalStatus(world.policy('web')?.status),
  };
}

const reference = await run();
const deaths = reference.changes.flatMap((name, index) =>
  name.startsWith('aws ') ? (['before', 'after'] as const).map((when) => ({ at: index + 1, when, name })) : [],
);

describe('images that leave with their snapshots, while the controller is killed', () => {
  it('leave nothing, and what EC2 could not delete at once is deleted by itself', () => {
    expect(JSON.stringify(reference.end)).not.toContain('nothing, in');
    const ends = reference.changes.filter((name) => /DeregisterImage|DeleteSnapshot/.test(name));
    expect(ends).toEqual(['aws DeregisterImage', 'aws DeregisterImage', 'aws DeleteSnapshot']);
  });

  it.each(deaths)('$when change $at, $name: ends in the same state, with nothing left', async ({ at, when }) => {
    const { made, end, status } = await run({ at, when });
    expect({ made, end, status }).toEqual({ made: reference.made, end: reference.end, status: reference.status });
  });
});
