import { expect, it } from 'vitest';
import { BUILDERS, policy } from './documents.ts';
import { begin, copiesIn } from './scene.ts';
import { MINUTE } from './world.ts';

const MANY = 1000;
const names = Array.from({ length: MANY }, (_, index) => `policy-${index}`);
/** The source image itself is all that such a policy wants. */
const small = (name: string): object =>
  policy(
    {
      source: { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, groupBy: ['app'] },
      regions: [{ name: 'us-east-1' }],
      accounts: undefined,
      sharing: undefined,
    },
    name,
  );

it('a thousand policies that are edited at once are each answered once, while one that is new gets its copy', async () => {
  const world = begin(names.map(small));
  const { life } = world.launch();
  let answered = 0;
  const areAllAnswered = (): boolean => {
    while (answered < MANY && world.isReady(names[answered] ?? '')) answered++;
    return answered === MANY;
  };
  await world.until('all are ready', areAllAnswered, 10 * MINUTE);
  await world.rest(MINUTE);

  answered = 0;
  const [calls, writes] = [life.calls, world.oracle.statusWrites];
  for (const name of names) world.patch(name, { spec: { tags: { add: { team: 'platform' } } } });
  world.apply(policy({ accounts: undefined, sharing: undefined, regions: [{ name: 'eu-west-1' }] }, 'new'));
  await world.until(
    'all edits are answered, and the copy is begun',
    () => areAllAnswered() && copiesIn(world, BUILDERS, 'eu-west-1').length === 1,
    MINUTE,
  );
  await world.untilReady('new');
  const forTheNew = 100;
  expect(world.oracle.statusWrites - writes).toBeLessThan(MANY + forTheNew);
  expect(life.calls - calls).toBeLessThan(MANY + forTheNew);
  const after = [world.oracle.mutations, world.oracle.statusWrites];
  await world.rest(6 * MINUTE);
  expect([world.oracle.mutations, world.oracle.statusWrites]).toEqual(after);
}, 240_000);
