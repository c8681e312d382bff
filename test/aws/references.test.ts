import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type ServiceApi } from '../../src/aws/aws-clients.ts';
import { readReferences } from '../../src/aws/references.ts';
import { callerIn, failure, html, type QueryServer, queryServer, success } from './query-server.ts';

const ACCOUNT = '111122223333';
const reference = (type: string, arn: string): string =>
  `<item><imageId>ami-1</imageId><resourceType>${type}</resourceType><arn>${arn}</arn></item>`;

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

describe('the references to an image', () => {
  it('peer complaint 23: are read to the last page, an empty one included', async () => {
    const arn = `arn:aws:ec2:eu-west-1:${ACCOUNT}:`;
    server.on(
      'DescribeImageReferences',
      success(
        `<imageReferenceSet>${reference('ec2:Instance', `${arn}instance/i-0abc`)}</imageReferenceSet><nextToken>2</nextToken>`,
      ),
      success('<imageReferenceSet/><nextToken>3</nextToken>'),
      success(
        `<imageReferenceSet>${reference('ec2:LaunchTemplate', `${arn}launch-template/lt-1`)}` +
          `${reference('ssm:Parameter', `arn:aws:ssm:eu-west-1:${ACCOUNT}:parameter/golden/web`)}</imageReferenceSet>`,
      ),
    );
    expect(await readReferences(ec2, 'ami-1')).toEqual([
      'ec2:Instance i-0abc',
      'ec2:LaunchTemplate lt-1',
      'ssm:Parameter golden/web',
    ]);
    const sent = server.requests.filter(({ action }) => action === 'DescribeImageReferences');
    expect(sent.map(({ parameters }) => parameters.get('NextToken'))).toEqual([null, '2', '3']);
  });

  it('are asked for in all resource types, for instances that are stopped as well, and in all versions of launch templates', async () => {
    server.on('DescribeImageReferences', success('<imageReferenceSet/>'));
    expect(await readReferences(ec2, 'ami-1')).toEqual([]);
    expect(Object.fromEntries(server.requests.at(-1)?.parameters ?? [])).toMatchObject({
      'ImageId.1': 'ami-1',
      IncludeAllResourceTypes: 'true',
      'ResourceType.1.ResourceType': 'ec2:Instance',
      'ResourceType.1.ResourceTypeOption.1.OptionName': 'state-name',
      'ResourceType.1.ResourceTypeOption.1.OptionValue.4': 'stopped',
      'ResourceType.2.ResourceType': 'ec2:LaunchTemplate',
      'ResourceType.2.ResourceTypeOption.1.OptionName': 'version-depth',
      'ResourceType.2.ResourceTypeOption.1.OptionValue.1': '10000',
    });
  });

  it.each([failure(403, 'UnauthorizedOperation'), failure(400, 'InvalidAction'), html(500)])(
    'are no answer when they cannot be read (%#)',
    async (answer) => {
      server.on('DescribeImageReferences', answer);
      await expect(readReferences(ec2, 'ami-1')).rejects.toThrow('DescribeImageReferences');
    },
  );

  it('are no answer when a later page fails', async () => {
    server.on(
      'DescribeImageReferences',
      success(
        `<imageReferenceSet>${reference('ec2:Instance', 'arn:x/i-1')}</imageReferenceSet><nextToken>2</nextToken>`,
      ),
      failure(403, 'UnauthorizedOperation'),
    );
    await expect(readReferences(ec2, 'ami-1')).rejects.toThrow('DescribeImageReferences');
  });

  it('are not read at all when the signal is aborted', async () => {
    await expect(readReferences(ec2, 'ami-1', { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow(
      'stopped',
    );
  });
});
