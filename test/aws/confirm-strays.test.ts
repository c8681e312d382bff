import { DeregisterImageCommand, RegisterImageCommand } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';
import { performCall } from '../../src/aws/calls.ts';
import { confirmStrays } from '../../src/aws/confirm-strays.ts';
import type { OpenTarget } from '../../src/aws/inventories.ts';
import { type Stray, straysIn } from '../../src/policy/orphans.ts';
import { copyOf } from './actions.ts';
import { ACCOUNT, AWAY, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const MINUTE = 60_000;
let aws: SimulatedAws;
let away: OpenTarget;
afterEach(() => aws[Symbol.asyncDispose]());

/** The snapshot of a copy that somebody has deregistered, as the listing shows it. */
async function stray(there: object = {}): Promise<Stray[]> {
  const images = [{ id: SOURCE, name: 'web-1' }];
  aws = await simulatedAws({ accounts: { [ACCOUNT]: { 'us-east-1': { images }, [AWAY.region]: there } } });
  away = aws.open(AWAY);
  await performCall(copyOf(), away, { signal: new AbortController().signal });
  aws.clock.advance(MINUTE);
  await away.inventory.observe(aws.clock.monotonic(), {});
  const ImageId = [...away.inventory.view().images.keys()][0] ?? '';
  await away.ec2.send(new DeregisterImageCommand({ ImageId }));
  aws.clock.advance(MINUTE);
  await away.inventory.observe(aws.clock.monotonic(), {});
  return straysIn(AWAY, away.inventory.view());
}

const ids = (strays: readonly Stray[]): string[] => strays.map(({ id }) => id);

describe('a snapshot that looks astray', () => {
  it('is so where no image uses it, its own is not there, and the Recycle Bin does not hold that', async () => {
    const strays = await stray();
    expect(strays).toHaveLength(1);
    expect(await confirmStrays(away.ec2, strays, {})).toEqual(strays);
  });

  it('is not while an image without our tags uses it', async () => {
    const strays = await stray();
    await away.ec2.send(
      new RegisterImageCommand({
        Name: 'by-hand',
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: strays[0]?.id } }],
      }),
    );
    aws.clock.advance(MINUTE);
    expect(ids(await confirmStrays(away.ec2, strays, {}))).toEqual([]);
  });

  it('is not while its image can be restored', async () => {
    const strays = await stray({ recycleBin: { retentionDays: 7 } });
    expect(ids(await confirmStrays(away.ec2, strays, {}))).toEqual([]);
    aws.clock.advance(8 * 24 * 60 * MINUTE);
    expect(await confirmStrays(away.ec2, strays, {})).toEqual(strays);
  });

  it.each(['DescribeImages', 'ListImagesInRecycleBin'])('is nothing known of while %s is refused', async (action) => {
    const strays = await stray();
    aws.faults({ action, kind: 'error-UnauthorizedOperation', times: 9 });
    await expect(confirmStrays(away.ec2, strays, {})).rejects.toMatchObject({ class: 'access' });
  });

  it('costs no question where there is none', async () => {
    await stray();
    const before = aws.made.length;
    expect(await confirmStrays(away.ec2, [], {})).toEqual([]);
    expect(aws.made.length).toBe(before);
  });
});
