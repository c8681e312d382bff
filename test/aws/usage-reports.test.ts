import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type ServiceApi } from '../../src/aws/aws-clients.ts';
import { readUsageReport } from '../../src/aws/usage-reports.ts';
import { callerIn, failure, html, type QueryServer, queryServer, success } from './query-server.ts';

const ACCOUNT = '111122223333';
const INSTANCES = '<item><resourceType>ec2:Instance</resourceType></item>';
const templates = (depth?: string): string =>
  `<item><resourceType>ec2:LaunchTemplate</resourceType>${
    depth === undefined
      ? ''
      : `<resourceTypeOptionSet><item><optionName>version-depth</optionName><optionValueSet><item>${depth}</item></optionValueSet></item></resourceTypeOptionSet>`
  }</item>`;
const ALL = INSTANCES + templates('10000');

/** A report of an image, made on that day of January. */
const report = (day: number, state: string, { types = ALL, accounts = '', more = '' } = {}): string =>
  `<item><reportId>amiur-${day}</reportId><imageId>ami-1</imageId><resourceTypeSet>${types}</resourceTypeSet>` +
  `<accountIdSet>${accounts}</accountIdSet><state>${state}</state>${more}` +
  `<creationTime>2026-01-0${day}T00:00:00.000Z</creationTime></item>`;
const reports = (items: string, next = ''): ReturnType<typeof success> =>
  success(`<imageUsageReportSet>${items}</imageUsageReportSet>${next && `<nextToken>${next}</nextToken>`}`);
const entry = (account: string, type: string, count: number): string =>
  `<item><reportId>amiur-1</reportId><imageId>ami-1</imageId><accountId>${account}</accountId><resourceType>${type}</resourceType><usageCount>${count}</usageCount></item>`;
const entries = (items: string, next = ''): ReturnType<typeof success> =>
  success(`<imageUsageReportEntrySet>${items}</imageUsageReportEntrySet>${next && `<nextToken>${next}</nextToken>`}`);
const on = (day: number): number => Date.UTC(2026, 0, day);

let server: QueryServer;
let clients: AwsClients;
let ec2: ServiceApi;

beforeEach(async () => {
  server = await queryServer();
  server.on('GetCallerIdentity', callerIn(ACCOUNT));
  server.on('DescribeImageUsageReportEntries', entries(''));
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

describe('the usage report of an image', () => {
  it('is none where nobody has asked for one', async () => {
    server.on('DescribeImageUsageReports', reports(''));
    expect(await readUsageReport(ec2, 'ami-1', {})).toEqual({ kind: 'none' });
    expect(server.requests.at(-1)?.parameters.get('ImageId.1')).toBe('ami-1');
  });

  it('is the newest one, on whatever page it is, with its entries to the last page', async () => {
    server.on(
      'DescribeImageUsageReports',
      reports(report(2, 'available'), '2'),
      reports('', '3'),
      reports(report(3, 'available') + report(1, 'error')),
    );
    server.on(
      'DescribeImageUsageReportEntries',
      entries(entry('333344445555', 'ec2:Instance', 2), '2'),
      entries('', '3'),
      entries(entry('222233334444', 'ec2:LaunchTemplate', 1) + entry('222233334444', 'ec2:Instance', 0)),
    );
    expect(await readUsageReport(ec2, 'ami-1', {})).toEqual({
      kind: 'available',
      id: 'amiur-3',
      createdAt: on(3),
      usages: [
        { account: '222233334444', type: 'ec2:LaunchTemplate', count: 1 },
        { account: '333344445555', type: 'ec2:Instance', count: 2 },
      ],
    });
    expect(server.requests.at(-1)?.parameters.get('ReportId.1')).toBe('amiur-3');
  });

  it('may be under way, or have come to nothing', async () => {
    server.on('DescribeImageUsageReports', reports(report(1, 'available') + report(2, 'pending')));
    expect(await readUsageReport(ec2, 'ami-1', {})).toEqual({ kind: 'pending', id: 'amiur-2', createdAt: on(2) });
    server.on(
      'DescribeImageUsageReports',
      reports(report(2, 'error', { more: '<stateReason>too much</stateReason>' })),
    );
    expect(await readUsageReport(ec2, 'ami-1', {})).toMatchObject({ kind: 'failed', why: 'too much' });
  });

  const partial: [string, Parameters<typeof report>[2]][] = [
    ['some accounts', { accounts: '<item>222233334444</item>' }],
    ['instances alone', { types: INSTANCES }],
    ['launch templates alone', { types: templates('10000') }],
    ['fewer versions of launch templates', { types: INSTANCES + templates('20') }],
  ];

  it.each(partial)('that is on %s does not count, and hides none that does', async (_, options) => {
    server.on('DescribeImageUsageReports', reports(report(2, 'available', options)));
    expect(await readUsageReport(ec2, 'ami-1', {})).toEqual({ kind: 'none' });
    server.on('DescribeImageUsageReports', reports(report(1, 'available') + report(2, 'pending', options)));
    expect(await readUsageReport(ec2, 'ami-1', {})).toMatchObject({ kind: 'available', id: 'amiur-1' });
  });

  it.each(partial)(
    'that is on %s is waited for while there is no other: EC2 makes one at a time',
    async (_, options) => {
      server.on('DescribeImageUsageReports', reports(report(1, 'available', options) + report(2, 'pending', options)));
      expect(await readUsageReport(ec2, 'ami-1', {})).toEqual({ kind: 'pending', id: 'amiur-2', createdAt: on(2) });
    },
  );

  it('counts where EC2 does not repeat how many versions it looks at', async () => {
    server.on('DescribeImageUsageReports', reports(report(1, 'available', { types: INSTANCES + templates() })));
    expect(await readUsageReport(ec2, 'ami-1', {})).toMatchObject({ kind: 'available' });
  });

  it.each([failure(403, 'UnauthorizedOperation'), failure(400, 'InvalidAction'), html(500)])(
    'is not none where it cannot be read (%#)',
    async (answer) => {
      server.on('DescribeImageUsageReports', answer);
      await expect(readUsageReport(ec2, 'ami-1', {})).rejects.toThrow('DescribeImageUsageReports');
      server.on('DescribeImageUsageReports', reports(report(1, 'available')));
      server.on('DescribeImageUsageReportEntries', entries('', '2'), answer);
      await expect(readUsageReport(ec2, 'ami-1', {})).rejects.toThrow('DescribeImageUsageReportEntries');
    },
  );
});
