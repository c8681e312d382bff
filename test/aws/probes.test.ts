import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type ServiceApi } from '../../src/aws/aws-clients.ts';
import { Permissions } from '../../src/aws/permissions.ts';
import type { Permission, Probe } from '../../src/policy/probe.ts';
import { callerIn, failure, type QueryServer, queryServer, success } from './query-server.ts';

const ACCOUNT = '111122223333';
const id = { imageId: 'ami-00000000000000001' };
const PROBES: readonly Probe[] = [
  { action: 'CopyImage', origin: { ...id, account: ACCOUNT, region: 'us-east-1' }, name: 'web-1', tags: { a: 'b' } },
  { action: 'CreateTags', of: 'copy', ...id, tags: { a: 'b' } },
  { action: 'DeleteTags', of: 'copy', ...id },
  { action: 'DeleteTags', of: 'source', ...id },
  { action: 'EnableImageDeprecation', of: 'copy', ...id, at: 1_800_000_000_000 },
  { action: 'DeleteSnapshot', of: 'copy', snapshotId: 'snap-00000000000000001' },
  { action: 'ModifySnapshotAttribute', of: 'source', snapshotId: 'snap-00000000000000001' },
  ...(
    [
      'CreateImageUsageReport',
      'DeregisterImage',
      'DescribeImageReferences',
      'DisableImage',
      'DisableImageDeprecation',
      'DisableImageDeregistrationProtection',
      'EnableImage',
      'EnableImageDeregistrationProtection',
      'ModifyImageAttribute',
    ] as const
  ).map((action) => ({ action, of: 'copy', ...id }) as const),
];
const dry = (server: string): ReturnType<typeof failure> =>
  failure(412, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', { server });
const DRY = dry('AmazonEC2');

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

async function ask(probe: Probe, permissions = new Permissions(ec2, systemClock)): Promise<Permission | undefined> {
  await permissions.ask(probe, {});
  return permissions.since({ grants: 0 }).values().next().value;
}

const [copying] = PROBES as [Probe];

describe('a dry run', () => {
  it.each(PROBES)('of $action is never more than that', async (probe) => {
    server.on('DescribeRegions', DRY);
    server.on(probe.action, DRY);
    expect(await ask(probe)).toEqual({ kind: 'allowed' });
    const sent = server.requests.filter(({ action }) => action !== 'GetCallerIdentity');
    expect(sent.map(({ parameters }) => parameters.get('DryRun'))).toEqual(['true', 'true']);
  });

  it('that is refused tells what is missing, for whom and why, and nothing of the encoded message', async () => {
    server.on('DescribeRegions', DRY);
    server.on(
      'CopyImage',
      failure(
        403,
        'UnauthorizedOperation',
        'You are not authorized to perform this operation. User: arn:aws:sts::111122223333:assumed-role/team-amis/amifleet is not authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:eu-west-1::image/* because no identity-based policy allows the ec2:CreateTags action. Encoded authorization failure message: kJxhbGciOiJIUzI1NiJ9',
      ),
    );
    expect(await ask(copying)).toEqual({
      kind: 'denied',
      action: 'ec2:CreateTags',
      who: 'role team-amis',
      why: 'because no identity-based policy allows the ec2:CreateTags action',
    });
  });

  it.each([
    ['InvalidAMIID.NotFound', 400],
    ['InvalidParameterValue', 400],
    ['AuthFailure', 401],
    ['OperationNotPermitted', 400],
  ])('that is answered with %s proves nothing', async (code, status) => {
    server.on('DescribeRegions', DRY);
    server.on('CopyImage', failure(status, code, 'No'));
    expect(await ask(copying)).toEqual({ kind: 'unproven' });
  });

  it('is not made where the endpoint does not keep to it, which is asked once and harms nobody', async () => {
    server.on('DescribeRegions', success('<regionInfo></regionInfo>'));
    const permissions = new Permissions(ec2, systemClock);
    expect(await ask(copying, permissions)).toEqual({ kind: 'unproven' });
    await ask(PROBES[1] ?? copying, permissions);
    expect(server.requests.map(({ action }) => action)).toEqual(['GetCallerIdentity', 'DescribeRegions']);
  });

  it('is not made where an emulator answers, which checks no permissions', async () => {
    server.on('DescribeRegions', dry('Werkzeug'));
    expect(await ask(copying)).toEqual({ kind: 'unproven' });
    expect(server.requests.map(({ action }) => action)).toEqual(['GetCallerIdentity', 'DescribeRegions']);
  });

  it('is made by a replica that does not lead, for it changes nothing', async () => {
    clients.fence(() => false);
    server.on('DescribeRegions', DRY);
    server.on('CopyImage', DRY);
    expect(await ask(copying)).toEqual({ kind: 'allowed' });
  });
});
