import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, AWAY, HOME, OTHER_ACCOUNT, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

describe('the inventories of all targets', () => {
  let aws: SimulatedAws;
  beforeEach(async () => {
    aws = await simulatedAws();
  });
  afterEach(() => aws[Symbol.asyncDispose]());

  it('are one for each target, whoever asks', () => {
    expect(aws.open(AWAY)).toBe(aws.open({ ...AWAY }));
    expect(aws.open(AWAY)).not.toBe(aws.open(HOME));
    expect(aws.open(AWAY)).not.toBe(aws.open({ account: OTHER_ACCOUNT, region: AWAY.region }));
  });

  it('are kept apart by the way to the account, which may see other things', () => {
    const role = { account: ACCOUNT, roleArn: `arn:aws:iam::${ACCOUNT}:role/amifleet` };
    const ways = [{ account: ACCOUNT }, role, { ...role, externalId: 'x' }];
    expect(new Set(ways.map((access) => aws.inventories.open(AWAY, access, 'copies'))).size).toBe(3);
  });

  it('hold every image once one policy looks for sources there, for all', async () => {
    const forCopies = aws.open(HOME, 'copies');
    aws.open(HOME, 'own');
    await forCopies.inventory.observe(aws.clock.monotonic(), {});
    expect(forCopies.inventory.view().images.has(SOURCE)).toBe(true);
  });

  it('cost the same for ten policies as for one, at every resync', async () => {
    const targets = [
      HOME,
      AWAY,
      { account: ACCOUNT, region: 'us-west-2' },
      { account: OTHER_ACCOUNT, region: 'eu-west-1' },
    ];
    const resync = async (policies: number): Promise<number> => {
      aws.clock.advance(600_000);
      const since = aws.clock.monotonic();
      const before = aws.made.length;
      await Promise.all(
        Array.from({ length: policies }, async () => {
          for (const target of targets) {
            const { inventory } = aws.open(target, target === HOME ? 'own' : 'copies');
            await inventory.observe(since, {});
            if (target === HOME && inventory.view({ grants: since, evidence: since }).launchGrants.size === 0)
              await inventory.fetch({ kind: 'launchGrants', target, imageId: SOURCE }, {});
          }
        }),
      );
      return aws.made.length - before;
    };
    await resync(1);
    const alone = await resync(1);
    expect(await resync(10)).toBe(alone);
    expect(alone).toBe(2 * targets.length + 1);
  });
});
