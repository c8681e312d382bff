import { DescribeImagesCommand } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { ServiceApi } from '../../src/aws/aws-clients.ts';
import { AwsError } from '../../src/aws/aws-error.ts';
import { Regions } from '../../src/aws/regions.ts';
import type { Target } from '../../src/policy/model.ts';
import { ACCOUNT, type SimulatedAws, simulatedAws } from './simulated-aws.ts';

const OWN = { account: ACCOUNT };
const HOUR = 3_600_000;

describe('the regions of an account', () => {
  let aws: SimulatedAws;
  beforeEach(async () => {
    aws = await simulatedAws({ accounts: { [ACCOUNT]: { disabledRegions: ['ap-east-1'] } } });
  });
  afterEach(() => aws[Symbol.asyncDispose]());

  it('are those that it has enabled', async () => {
    const regions = await aws.clients.regionsOf(OWN);
    expect(regions.has('eu-west-1')).toBe(true);
    expect(regions.has('ap-east-1')).toBe(false);
  });

  it('are asked for once an hour, by all who ask', async () => {
    await Promise.all(Array.from({ length: 10 }, () => aws.clients.regionsOf(OWN)));
    expect(aws.count('DescribeRegions')).toBe(1);
    aws.clock.advance(HOUR - 1000);
    await aws.clients.regionsOf(OWN);
    expect(aws.count('DescribeRegions')).toBe(1);
    aws.clock.advance(2000);
    await aws.clients.regionsOf(OWN);
    expect(aws.count('DescribeRegions')).toBe(2);
  });

  it('that could not be read are asked for again by the next who wants them', async () => {
    aws.faults({ action: 'DescribeRegions', kind: 'error-UnauthorizedOperation', times: 2 });
    await expect(aws.clients.regionsOf(OWN)).rejects.toThrow('UnauthorizedOperation');
    aws.faults();
    expect((await aws.clients.regionsOf(OWN)).size).toBeGreaterThan(10);
  });

  it('explain why a call was refused: the region is not enabled', async () => {
    const call = aws.clients
      .ec2({ account: ACCOUNT, region: 'ap-east-1' }, OWN)
      .send(new DescribeImagesCommand({ Owners: ['self'] }));
    await expect(call).rejects.toMatchObject({
      code: 'RegionNotEnabled',
      message: expect.stringContaining('Enable the region in the account'),
    });
  });
});

describe('an explanation', () => {
  const HOME: Target = { account: ACCOUNT, region: 'us-east-1' };
  const FAR: Target = { account: ACCOUNT, region: 'ap-east-1' };
  const refused = (code: string, target = FAR): AwsError =>
    new AwsError({ class: 'access', code, action: 'DescribeImages', target, certain: true, why: 'no' });
  const regionsThat = (answer: () => Promise<object>): Regions =>
    new Regions(new VirtualClock(0), 'us-east-1', (target) => ({ target, send: answer as ServiceApi['send'] }));
  const enabled = regionsThat(async () => ({ Regions: [{ RegionName: 'us-east-1' }, { RegionName: 'ap-east-1' }] }));
  const elsewhere = regionsThat(async () => ({ Regions: [{ RegionName: 'us-east-1' }] }));

  it.each([
    ['the region is enabled', enabled, refused('AuthFailure')],
    ['it is the region in which everybody asks', elsewhere, refused('AuthFailure', HOME)],
    ['the refusal has another reason', elsewhere, refused('UnauthorizedOperation')],
    ['nobody can say', regionsThat(() => Promise.reject(new Error('down'))), refused('AuthFailure')],
  ])('is not given where %s: the error stays as it is', async (_, regions, error) => {
    expect(await regions.explain(error, OWN)).toBe(error);
  });

  it.each(['AuthFailure', 'OptInRequired'])('is given for %s', async (code) => {
    expect(await elsewhere.explain(refused(code), OWN)).toMatchObject({ code: 'RegionNotEnabled', class: 'access' });
  });

  it('waits no longer than the one who asks', async () => {
    const never = regionsThat(() => new Promise(() => undefined));
    await expect(never.of(OWN, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });
});
