import { DescribeImagesCommand, DescribeSnapshotsCommand, paginateDescribeImages } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OTHER, OWNER, refusal, useSimulated } from './simulated.ts';

const images = Array.from({ length: 40 }, (_, n) => `{name: image-${n}, tags: {half: "${n % 2}"}}`).join(', ');
const SEED = `
seed: 7
consistencySeconds: [0, 0]
accounts:
  "${OWNER}": {us-east-1: {images: [${images}]}, eu-west-1: {}}
  "${OTHER}": {}
`;

describe('the wire', () => {
  const sim = useSimulated();

  it('answers as EC2 does', async () => {
    const response = await sim.wire(`Action=DescribeImages&Version=2016-11-15&ImageId.1=${IMAGE}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/xml;charset=UTF-8');
    const id = response.headers.get('x-amzn-requestid') ?? '';
    const body = await response.text();
    expect(body).toContain(
      `<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${id}</requestId><imagesSet><item><imageId>${IMAGE}</imageId>`,
    );
    expect(body).toContain(`<imageOwnerId>${OWNER}</imageOwnerId>`);
    expect(body).toContain('<tagSet><item><key>app</key><value>web</value></item>');
    expect(body).not.toContain('nextToken');
  });

  it('refuses as EC2 does', async () => {
    const response = await sim.wire('Action=DescribeImages&ImageId.1=ami-0ffffffffffffffff');
    expect(response.status).toBe(400);
    const id = response.headers.get('x-amzn-requestid');
    expect(await response.text()).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>The image id &apos;[ami-0ffffffffffffffff]&apos; does not exist</Message></Error></Errors><RequestID>${id}</RequestID></Response>`,
    );
  });

  it('answers and refuses as STS does', async () => {
    const answer = await sim.wire('Action=GetCallerIdentity&Version=2011-06-15', { service: 'sts' });
    expect(await answer.text()).toContain(
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>AIDASIMULATED</UserId><Account>${OWNER}</Account>`,
    );
    const refused = await sim.wire('Action=Nothing&Version=2011-06-15', { service: 'sts' });
    expect(await refused.text()).toContain(
      '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidAction</Code>',
    );
  });

  it.each([
    ['an unknown action', 'Action=DescribeNothing', 'InvalidAction', 400],
    ['what objects have by themselves', 'Action=toString', 'InvalidAction', 400],
    ['no action', 'Version=2016-11-15', 'MissingAction', 400],
    ['an unknown parameter', 'Action=DescribeImages&ImageIds.1=x', 'UnknownParameter', 400],
    ['another case', 'Action=DescribeImages&imageid.1=x', 'UnknownParameter', 400],
    ['a missing parameter', 'Action=DeregisterImage', 'MissingParameter', 400],
    ['neither true nor false', 'Action=DescribeImages&IncludeDisabled=yes', 'InvalidParameterValue', 400],
    ['a dry run', `Action=DeregisterImage&ImageId=${IMAGE}&DryRun=true`, 'DryRunOperation', 412],
  ])('refuses %s', async (_case, query, code, status) => {
    const response = await sim.wire(query);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(`<Code>${code}</Code>`);
    expect(sim.world().images.every(({ state }) => state === 'available')).toBe(true);
  });

  it('takes GET with a query string, and a signature in it', async () => {
    const credential = `AKIASIM${OWNER}/20261121/us-east-1/ec2/aws4_request`;
    const query = new URLSearchParams({
      Action: 'DescribeRegions',
      'X-Amz-Credential': credential,
      'X-Amz-Signature': '0',
    });
    const response = await fetch(`${sim.url}/?${query.toString()}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('<item><regionName>us-east-1</regionName><regionEndpoint>');
  });

  it('knows nobody who does not sign, and no other service', async () => {
    const unsigned = await fetch(sim.url, { method: 'POST', body: 'Action=DescribeImages' });
    expect(unsigned.status).toBe(403);
    expect(await unsigned.text()).toContain('<Code>MissingAuthenticationToken</Code>');
    expect(await (await sim.wire('Action=ListBuckets', { service: 's3' })).text()).toContain('not s3');
  });

  it('escapes what is marked up', async () => {
    await sim.control(
      'POST',
      'seed',
      `accounts: {"${OWNER}": {us-east-1: {images: [{name: web, description: "<a> & 'b'", tags: {"<k>": "\\"v\\""}}]}}}`,
    );
    const { Images } = await sim.ec2().send(new DescribeImagesCommand({}));
    expect(Images?.[0]).toMatchObject({ Description: "<a> & 'b'", Tags: [{ Key: '<k>', Value: '"v"' }] });
  });
});

describe('pages', () => {
  const sim = useSimulated(SEED);
  const page = (input: object, account = OWNER) =>
    sim.ec2(account).send(new DescribeImagesCommand({ Owners: ['self'], ...input }));

  it('hold everything once, in no order, some less than asked for, some nothing', async () => {
    const sizes: number[] = [];
    const orders = new Set<string>();
    for (let run = 0; run < 10; run++) {
      const seen: string[] = [];
      for await (const { Images = [] } of paginateDescribeImages(
        { client: sim.ec2(), pageSize: 5 },
        { Owners: ['self'] },
      )) {
        sizes.push(Images.length);
        seen.push(...Images.map(({ Name = '' }) => Name));
      }
      orders.add(seen.join());
      expect(new Set(seen).size).toBe(40);
      expect(seen).toHaveLength(40);
    }
    expect(Math.max(...sizes)).toBe(5);
    expect(sizes).toContain(0);
    expect(orders.size).toBe(10);
  });

  it('do not exist without MaxResults', async () => {
    const { Images, NextToken } = await page({});
    expect(Images).toHaveLength(40);
    expect(NextToken).toBeUndefined();
  });

  it('go on only with the same query, in the same account and region, and for an hour', async () => {
    const { NextToken } = await page({ MaxResults: 5 });
    const wrong = { code: 'InvalidNextToken', status: 400 };
    expect(await refusal(page({ MaxResults: 6, NextToken }))).toMatchObject(wrong);
    expect(await refusal(page({ MaxResults: 5, NextToken, IncludeDisabled: true }))).toMatchObject(wrong);
    expect(await refusal(page({ MaxResults: 5, NextToken }, OTHER))).toMatchObject(wrong);
    const elsewhere = sim
      .ec2(OWNER, 'eu-west-1')
      .send(new DescribeImagesCommand({ Owners: ['self'], MaxResults: 5, NextToken }));
    expect(await refusal(elsewhere)).toMatchObject(wrong);
    const snapshots = sim.ec2().send(new DescribeSnapshotsCommand({ MaxResults: 5, NextToken }));
    expect(await refusal(snapshots)).toMatchObject(wrong);
    await page({ MaxResults: 5, NextToken });
    sim.advance(3600);
    expect(await refusal(page({ MaxResults: 5, NextToken }))).toMatchObject(wrong);
  });

  it('are cut down to a thousand', async () => {
    expect((await page({ MaxResults: 5000 })).Images?.length).toBeLessThanOrEqual(40);
  });

  it('of a listing without filter come from a smaller bucket of their own', async () => {
    const list = (input: object): Promise<unknown> => sim.ec2().send(new DescribeSnapshotsCommand(input));
    for (let count = 0; count < 50; count++) await list({});
    expect(await refusal(list({}))).toMatchObject({ code: 'RequestLimitExceeded', status: 503 });
    await list({ MaxResults: 100 });
    await list({ Filters: [{ Name: 'status', Values: ['completed'] }] });
    sim.advance(0.1);
    await list({});
  });
});
