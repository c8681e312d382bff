import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type ServiceApi } from '../../src/aws/aws-clients.ts';
import { describeById, describeImages, imagesById, listImages, listSnapshots } from '../../src/aws/listing.ts';
import { TAG } from '../../src/policy/tags.ts';
import { callerIn, failure, type QueryServer, queryServer, success } from './query-server.ts';

const ACCOUNT = '111122223333';

let server: QueryServer;
let clients: AwsClients;
let ec2: ServiceApi;

beforeEach(async () => {
  server = await queryServer();
  server.on('GetCallerIdentity', callerIn(ACCOUNT));
  clients = new AwsClients({
    clock: systemClock,
    random: seededRandom(1),
    homeRegion: 'us-east-1',
    endpoint: server.url,
    base: async () => ({ accessKeyId: 'K', secretAccessKey: 's' }),
  });
  ec2 = clients.ec2({ account: ACCOUNT, region: 'eu-west-1' }, { account: ACCOUNT });
});

afterEach(async () => {
  clients.close();
  await server[Symbol.asyncDispose]();
});

const image = (id: string, state = 'available'): string =>
  `<item><imageId>${id}</imageId><imageState>${state}</imageState><creationDate>2026-01-01T00:00:00.000Z</creationDate></item>`;
const images = (ids: readonly string[], token?: string): ReturnType<typeof success> =>
  success(
    `<imagesSet>${ids.map((id) => image(id)).join('')}</imagesSet>${token === undefined ? '' : `<nextToken>${token}</nextToken>`}`,
  );
const sent = (action: string): Record<string, string>[] =>
  server.requests
    .filter((request) => request.action === action)
    .map(({ parameters }) => Object.fromEntries(parameters.entries()));

describe('a listing of images', () => {
  it('is read to the last page, empty pages included', async () => {
    server.on('DescribeImages', images(['ami-1'], '2'), images([], '3'), images([], '4'), images(['ami-2', 'ami-1']));
    expect([...(await listImages(ec2, 'copies', {})).keys()]).toEqual(['ami-1', 'ami-2']);
    expect(sent('DescribeImages').map(({ NextToken }) => NextToken)).toEqual([undefined, '2', '3', '4']);
  });

  it('ends where the token is an empty one', async () => {
    server.on('DescribeImages', images(['ami-1'], ''));
    expect((await listImages(ec2, 'own', {})).size).toBe(1);
    expect(sent('DescribeImages')).toHaveLength(1);
  });

  it('asks for own images only, deprecated and disabled ones among them, by pages', async () => {
    server.on('DescribeImages', images([]));
    await listImages(ec2, 'own', {});
    expect(sent('DescribeImages')[0]).toMatchObject({
      'Owner.1': 'self',
      IncludeDeprecated: 'true',
      IncludeDisabled: 'true',
      MaxResults: '1000',
    });
    expect(sent('DescribeImages')[0]).not.toHaveProperty(['Filter.1.Name']);
    await listImages(ec2, 'copies', {});
    expect(sent('DescribeImages')[1]).toMatchObject({
      'Filter.1.Name': 'tag-key',
      'Filter.1.Value.1': TAG.sourceImage,
    });
  });

  it('that breaks off on a later page is none', async () => {
    server.on('DescribeImages', images(['ami-1'], '2'), failure(403, 'UnauthorizedOperation'));
    await expect(listImages(ec2, 'copies', {})).rejects.toThrow('UnauthorizedOperation');
  });

  it('passes over what has no id', async () => {
    server.on('DescribeImages', success(`<imagesSet><item><name>x</name></item>${image('ami-1')}</imagesSet>`));
    expect([...(await describeImages(ec2, [], {})).keys()]).toEqual(['ami-1']);
  });
});

it('a listing of snapshots is read to the last page, and holds own ones with our tags', async () => {
  const snapshot = (id: string): string => `<item><snapshotId>${id}</snapshotId><status>completed</status></item>`;
  server.on(
    'DescribeSnapshots',
    success(`<snapshotSet>${snapshot('snap-1')}</snapshotSet><nextToken>2</nextToken>`),
    success('<snapshotSet/><nextToken>3</nextToken>'),
    success(`<snapshotSet>${snapshot('snap-2')}</snapshotSet>`),
  );
  expect([...(await listSnapshots(ec2, {})).keys()]).toEqual(['snap-1', 'snap-2']);
  expect(sent('DescribeSnapshots')[0]).toMatchObject({
    'Owner.1': 'self',
    'Filter.1.Name': 'tag-key',
    'Filter.1.Value.1': TAG.sourceImage,
    MaxResults: '1000',
  });
});

describe('images by their ids', () => {
  it('are asked for by filter, as many at a time as EC2 takes, and not at all where there are none', async () => {
    server.on('DescribeImages', images(['ami-1']));
    expect((await imagesById(ec2, [], {})).size).toBe(0);
    expect(sent('DescribeImages')).toHaveLength(0);
    await imagesById(
      ec2,
      Array.from({ length: 401 }, (_, index) => `ami-${index}`),
      {},
    );
    expect(sent('DescribeImages')).toHaveLength(3);
    for (const request of sent('DescribeImages')) {
      expect(request).toMatchObject({ 'Filter.1.Name': 'image-id', 'Owner.1': 'self' });
      expect(Object.keys(request).filter((name) => name.startsWith('Filter.1.Value')).length).toBeLessThanOrEqual(200);
    }
  });

  it('that were deregistered are not there', async () => {
    server.on('DescribeImages', success(`<imagesSet>${image('ami-1', 'deregistered')}${image('ami-2')}</imagesSet>`));
    expect([...(await imagesById(ec2, ['ami-1', 'ami-2'], {})).keys()]).toEqual(['ami-2']);
  });

  it.each([
    ['there', images(['ami-1'])],
    ['gone', images([])],
    ['gone', success(`<imagesSet>${image('ami-1', 'deregistered')}</imagesSet>`)],
    ['gone', failure(400, 'InvalidAMIID.Unavailable')],
    ['notFound', failure(400, 'InvalidAMIID.NotFound')],
  ])('are %s by what EC2 says of one (%#)', async (kind, answer) => {
    server.on('DescribeImages', answer);
    expect((await describeById(ec2, 'ami-1', {})).kind).toBe(kind);
  });

  it('are unknown, and not gone, when EC2 does not say', async () => {
    server.on('DescribeImages', failure(403, 'UnauthorizedOperation'));
    await expect(describeById(ec2, 'ami-1', {})).rejects.toThrow('UnauthorizedOperation');
  });
});
