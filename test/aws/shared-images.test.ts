import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type ServiceApi } from '../../src/aws/aws-clients.ts';
import { listShared } from '../../src/aws/shared-images.ts';
import { callerIn, failure, type QueryServer, queryServer, success } from './query-server.ts';

const ACCOUNT = '111122223333';
const VENDOR = '777788889999';

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

const item = (id: string, tags: Readonly<Record<string, string>> = {}): string =>
  `<item><imageId>${id}</imageId><imageState>available</imageState><creationDate>2026-01-01T00:00:00.000Z</creationDate><tagSet>${Object.entries(
    tags,
  )
    .map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`)
    .join('')}</tagSet></item>`;
const page = (items: readonly string[], token?: string): ReturnType<typeof success> =>
  success(`<imagesSet>${items.join('')}</imagesSet>${token === undefined ? '' : `<nextToken>${token}</nextToken>`}`);
const sent = (): Record<string, string>[] =>
  server.requests
    .filter(({ action }) => action === 'DescribeImages')
    .map(({ parameters }) => Object.fromEntries(parameters.entries()));

describe('images of another account', () => {
  it('are asked for by their owner and by name, deprecated ones among them, to the last page', async () => {
    server.on('DescribeImages', page([item('ami-1')], '2'), page([item('ami-2')]));
    const found = await listShared(ec2, { owner: VENDOR, names: ['a-*', 'b'], ids: [] }, {});
    expect([...found.keys()]).toEqual(['ami-1', 'ami-2']);
    expect(sent()[0]).toMatchObject({
      'Owner.1': VENDOR,
      IncludeDeprecated: 'true',
      'Filter.1.Name': 'name',
      'Filter.1.Value.1': 'a-*',
      'Filter.1.Value.2': 'b',
    });
    expect(sent()).toHaveLength(2);
  });

  it('are asked for by id as a filter, 200 at a time: an id that is not there spoils nothing', async () => {
    server.on('DescribeImages', page([item('ami-1')]), page([]));
    const ids = Array.from({ length: 201 }, (_, index) => `ami-${index}`);
    expect((await listShared(ec2, { owner: VENDOR, names: [], ids }, {})).size).toBe(1);
    expect(sent().map((request) => [request['Filter.1.Name'], request['Filter.1.Value.200']])).toEqual([
      ['image-id', 'ami-199'],
      ['image-id', undefined],
    ]);
  });

  it('carry the tags that their owner shares, by their names, and none that would say what is ours', async () => {
    const tags = {
      app: 'not shown by EC2, and not taken',
      'ec2:SharedTag/app': 'web',
      'ec2:SharedTag/amifleet.io/policy-uid': 'uid-1',
      'ec2:SharedTag/aws:x': 'y',
      'ec2:SharedTag/': 'z',
    };
    server.on('DescribeImages', page([item('ami-1', tags)]));
    const found = await listShared(ec2, { owner: VENDOR, names: ['a'], ids: [] }, {});
    expect(found.get('ami-1')?.tags).toEqual({ app: 'web' });
  });

  it('that are too many are no listing', async () => {
    const thousand = (from: number): string[] =>
      Array.from({ length: 1000 }, (_, index) => item(`ami-${from + index}`));
    server.on('DescribeImages', ...[0, 1, 2, 3, 4, 5].map((at) => page(thousand(at * 1000), String(at + 1))));
    await expect(listShared(ec2, { owner: VENDOR, names: ['*'], ids: [] }, {})).rejects.toThrow(
      'more than 5000 of its images match. Narrow source.images.names, or list ids',
    );
  });

  it('of which a page fails are no listing', async () => {
    server.on('DescribeImages', page([item('ami-1')], '2'), failure(400, 'InvalidParameterValue', 'no such page'));
    await expect(listShared(ec2, { owner: VENDOR, names: ['*'], ids: [] }, {})).rejects.toThrow('no such page');
  });
});
