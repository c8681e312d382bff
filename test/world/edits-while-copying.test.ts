import { describe, expect, it } from 'vitest';
import { BUILDERS, policy, seedOf } from './documents.ts';
import { begin, copiesIn } from './scene.ts';

const EDITS = 10;

describe('edits that follow each other closely', () => {
  it('do not list again, each time, every target in which a copy is under way', async () => {
    const world = begin([policy({ accounts: undefined, sharing: undefined })], {
      seed: seedOf({ copySeconds: [600, 900] }),
    });
    world.launch();
    await world.until(
      'the copy is under way',
      () =>
        world.policy('web')?.status?.observedGeneration === 1 && copiesIn(world, BUILDERS, 'eu-west-1').length === 1,
    );
    let listings = 0;
    world.aws.onCall(({ action, account, region, parameters }) => {
      const isListing = parameters['Filter.1.Name'] === 'tag-key' && !('NextToken' in parameters);
      if (action === 'DescribeImages' && account === BUILDERS && region === 'eu-west-1' && isListing) listings++;
    });
    for (let edit = 1; edit <= EDITS; edit++) {
      world.patch('web', { spec: { retention: { keepNewest: edit } } });
      await world.clock.advance(100);
      const { status, metadata } = world.policy('web') ?? {};
      expect(status?.observedGeneration).toBe(metadata?.generation);
    }
    expect(listings).toBeLessThanOrEqual(2);
  });
});
