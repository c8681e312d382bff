import { describe, expect, it } from 'vitest';
import { BUILDERS, CONSUMER, PRODUCTION, policy, UNIT } from './documents.ts';
import { begin, copiesIn } from './scene.ts';

describe('a policy in a whole world under virtual time', () => {
  it('peer complaints 37 and 38: becomes images in every target, shared as listed, and then nothing happens any more', async () => {
    const world = begin([policy()]);
    world.launch();
    await world.untilReady('web');
    const copies = copiesIn(world, BUILDERS, 'eu-west-1');
    expect(copies).toMatchObject([{ name: 'web-3', state: 'available' }]);
    const away = copiesIn(world, PRODUCTION, 'eu-west-1');
    expect(away).toMatchObject([{ name: 'web-3', state: 'available' }]);
    expect(copies[0]?.permissions).toMatchObject({
      accounts: [CONSUMER],
      organizationalUnits: [UNIT],
    });
    expect(away[0]?.permissions.accounts).toEqual([]);
    await world.rest();
    const { mutations, statusWrites } = world.oracle;
    await world.rest();
    expect(world.oracle).toMatchObject({ mutations, statusWrites, violations: [] });
  });
});
