import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { describeWithPython } from '../../python/suite.ts';
import { DESIGN_SEED } from './design-seed.ts';

// Each call starts an interpreter, and botocore reads the whole model of EC2.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const OWNER = '111122223333';
const OTHER = '222233334444';
const images = Array.from({ length: 12 }, (_, n) => `        - {name: batch-${n}, tags: {app: batch}}`).join('\n');
const SEED = DESIGN_SEED.replace('      images:\n', `      images:\n${images}\n`);

/** What every Python program here starts with: clients that do not retry, and an answer as JSON. */
const PRELUDE = `
import json, boto3, urllib.request, os
from botocore.config import Config
from botocore.exceptions import ClientError
def client(service='ec2', region='us-east-1', **keys):
    return boto3.client(service, region_name=region, config=Config(retries={'total_max_attempts': 1}), **keys)
def control(path, body):
    urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/_sim/' + path, json.dumps(body).encode()))
def refused(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return [error.response['Error']['Code'], error.response['Error']['Message'], error.response['ResponseMetadata']['HTTPStatusCode']]
def answer(value):
    print(json.dumps(value, default=str))
def named(name):
    return client().describe_images(Filters=[{'Name': 'name', 'Values': [name]}])['Images'][0]['ImageId']
`;

await describeWithPython(
  'boto3 and the AWS CLI against amifleet simulator',
  fileURLToPath(new URL('requirements.txt', import.meta.url)),
  (python) => {
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-python-'));
    let simulator: AmifleetProcess;
    let url = '';
    beforeAll(async () => {
      const file = join(folder, 'seed.yaml');
      writeFileSync(file, SEED);
      simulator = new AmifleetProcess(['simulator', '--port', '0', '--seed', file]);
      url = (await simulator.says(/Simulated AWS at (http:\S+)/))[1] ?? '';
    });
    beforeEach(async () => {
      const body = SEED.replace('copySeconds', 'consistencySeconds: [0, 0]\ncopySeconds');
      const { ok, status } = await fetch(`${url}/_sim/seed`, { method: 'POST', body });
      if (!ok) throw new Error(`the seed was refused: ${status}`);
    });
    afterAll(async () => {
      await simulator?.kill();
      rmSync(folder, { recursive: true, force: true });
    });

    const run = (
      args: readonly string[],
    ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> =>
      new Promise((resolve, reject) => {
        const env = {
          PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}`,
          HOME: folder,
          AWS_ENDPOINT_URL: url,
          AWS_ACCESS_KEY_ID: `AKIASIM${OWNER}`,
          AWS_SECRET_ACCESS_KEY: 'x',
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_PAGER: '',
        };
        execFile(python, args, { env }, (error, stdout, stderr) => {
          if (error && typeof error.code !== 'number') reject(error);
          else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
        });
      });
    const boto3 = async (program: string): Promise<unknown> => {
      const { code, stdout, stderr } = await run(['-c', PRELUDE + program]);
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    };
    const aws = (...args: string[]): ReturnType<typeof run> => run(['-m', 'awscli', '--output', 'json', ...args]);
    const awsJson = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await aws(...args);
      if (code !== 0) throw new Error(stderr);
      return stdout.trim() === '' ? undefined : JSON.parse(stdout);
    };

    describe('boto3', () => {
      it('lists all images by pages', async () => {
        const program = `
pages = client().get_paginator('describe_images').paginate(Owners=['self'], PaginationConfig={'PageSize': 5})
sizes = []; names = []
for page in pages:
    sizes.append(len(page['Images'])); names += [image['Name'] for image in page['Images']]
answer({'largest': max(sizes), 'names': sorted(names)})`;
        const names = [...Array.from({ length: 12 }, (_, n) => `batch-${n}`), 'web-base-1', 'web-base-2'].sort();
        expect(await boto3(program)).toEqual({ largest: 5, names });
      });

      it('copies an image and waits until it is available', async () => {
        const program = `
ec2 = client(region='eu-west-1')
copy = ec2.copy_image(SourceImageId=named('web-base-1'), SourceRegion='us-east-1', Name='web-base-1',
    TagSpecifications=[{'ResourceType': 'image', 'Tags': [{'Key': 'team', 'Value': 'platform'}]}])['ImageId']
before = ec2.describe_images(ImageIds=[copy])['Images'][0]['State']
ec2.get_waiter('image_exists').wait(ImageIds=[copy])
control('clock', {'advanceSeconds': 90})
ec2.get_waiter('image_available').wait(ImageIds=[copy], WaiterConfig={'Delay': 0, 'MaxAttempts': 3})
image = ec2.describe_images(ImageIds=[copy])['Images'][0]
ec2.get_waiter('snapshot_completed').wait(SnapshotIds=[each['Ebs']['SnapshotId'] for each in image['BlockDeviceMappings']])
answer([before, image['State'], image['Tags'], image['SourceImageRegion'], len(image['BlockDeviceMappings'])])`;
        expect(await boto3(program)).toEqual([
          'pending',
          'available',
          [{ Key: 'team', Value: 'platform' }],
          'us-east-1',
          2,
        ]);
      });

      it('shares, tags and deregisters', async () => {
        const program = `
ec2 = client(); image = named('web-base-1')
ec2.modify_image_attribute(ImageId=image, LaunchPermission={'Add': [{'UserId': '${OTHER}'}]})
shared = ec2.describe_image_attribute(ImageId=image, Attribute='launchPermission')['LaunchPermissions']
ec2.create_tags(Resources=[image], Tags=[{'Key': 'ec2:SharedTag/app', 'Value': 'web'}])
theirs = client(aws_access_key_id='AKIASIM${OTHER}', aws_secret_access_key='x').describe_images(Owners=['${OWNER}'])['Images'][0]['Tags']
result = ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
answer([shared, theirs, [each['ReturnCode'] for each in result['DeleteSnapshotResults']], refused(ec2.deregister_image, ImageId=image)[0]])`;
        expect(await boto3(program)).toEqual([
          [{ UserId: OTHER }],
          [{ Key: 'ec2:SharedTag/app', Value: 'web' }],
          ['success', 'success'],
          'InvalidAMIID.Unavailable',
        ]);
      });

      it('assumes a role with its external id, and acts in its account', async () => {
        const program = `
sts = client('sts')
role = {'RoleArn': 'arn:aws:iam::${OTHER}:role/amifleet', 'RoleSessionName': 'test'}
keys = sts.assume_role(ExternalId='amifleet-prod', **role)['Credentials']
session = {'aws_access_key_id': keys['AccessKeyId'], 'aws_secret_access_key': keys['SecretAccessKey'], 'aws_session_token': keys['SessionToken']}
answer([client('sts', **session).get_caller_identity()['Arn'], refused(sts.assume_role, **role)[0], len(client(**session).describe_images(Owners=['self'])['Images'])])`;
        expect(await boto3(program)).toEqual([`arn:aws:sts::${OTHER}:assumed-role/amifleet/test`, 'AccessDenied', 0]);
      });

      it('sees refusals with code, message and status', async () => {
        const program = `
ec2 = client(); image = named('web-base-1')
answer([
    refused(ec2.describe_images, ImageIds=['ami-0ffffffffffffffff']),
    refused(ec2.describe_images, ImageIds=[image], MaxResults=5),
    refused(ec2.describe_images, DryRun=True),
    refused(ec2.copy_image, SourceImageId='ami-0123456789abcdef0', SourceRegion='us-east-1', Name='plain', Encrypted=False),
    refused(client(region='ap-east-1', aws_access_key_id='AKIASIM${OTHER}', aws_secret_access_key='x').describe_images),
])`;
        expect(await boto3(program)).toEqual([
          ['InvalidAMIID.NotFound', "The image id '[ami-0ffffffffffffffff]' does not exist", 400],
          ['InvalidParameterCombination', 'The parameter imageIds cannot be used with the parameter maxResults', 400],
          ['DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412],
          [
            'InvalidRequest',
            expect.stringMatching(/^Snapshot snap-\w+ is encrypted\. Creating an unencrypted copy/),
            400,
          ],
          ['AuthFailure', 'AWS was not able to validate the provided access credentials', 401],
        ]);
      });

      it('gives the same ids from the same seed', async () => {
        const program = `
answer([client(region='eu-west-1').copy_image(SourceImageId=named('web-base-1'), SourceRegion='us-east-1', Name='copy')['ImageId'] for _ in range(3)])`;
        const first = await boto3(program);
        await fetch(`${url}/_sim/seed`, {
          method: 'POST',
          body: SEED.replace('copySeconds', 'consistencySeconds: [0, 0]\ncopySeconds'),
        });
        expect(await boto3(program)).toEqual(first);
      });
    });

    describe('the AWS CLI', () => {
      it('lists, shares, tags and deregisters', async () => {
        const [image] = (await awsJson(
          'ec2',
          'describe-images',
          '--owners',
          'self',
          '--filters',
          'Name=name,Values=web-base-1',
          '--query',
          'Images[].ImageId',
        )) as string[];
        if (image === undefined) throw new Error('there is no image');
        expect(
          await awsJson('ec2', 'describe-images', '--owners', 'self', '--page-size', '5', '--query', 'length(Images)'),
        ).toBe(14);
        expect(
          await awsJson('ec2', 'describe-images', '--owners', 'self', '--max-items', '3', '--query', 'length(Images)'),
        ).toBe(3);
        await awsJson(
          'ec2',
          'modify-image-attribute',
          '--image-id',
          image,
          '--launch-permission',
          `Add=[{UserId=${OTHER}}]`,
        );
        await awsJson(
          'ec2',
          'modify-image-attribute',
          '--image-id',
          image,
          '--attribute',
          'launchPermission',
          '--operation-type',
          'add',
          '--user-ids',
          '444455556666',
        );
        await awsJson('ec2', 'modify-image-attribute', '--image-id', image, '--description', 'by hand');
        await awsJson('ec2', 'create-tags', '--resources', image, '--tags', 'Key=team,Value=platform');
        const attribute = ['--image-id', image, '--attribute', 'launchPermission'];
        const users = ['--query', 'sort(LaunchPermissions[].UserId)'];
        expect(await awsJson('ec2', 'describe-image-attribute', ...attribute, ...users)).toEqual([
          OTHER,
          '444455556666',
        ]);
        const tags = ['ec2', 'describe-tags', '--filters', `Name=resource-id,Values=${image}`, 'Name=key,Values=team'];
        expect(await awsJson(...tags, '--query', 'Tags[].Value')).toEqual(['platform']);
        await awsJson('ec2', 'deregister-image', '--image-id', image);
        const again = await aws('ec2', 'deregister-image', '--image-id', image);
        expect(again.code).not.toBe(0);
        expect(again.stderr).toContain(
          `(InvalidAMIID.Unavailable) when calling the DeregisterImage operation: The image ID '${image}' is no longer available`,
        );
      });

      it('copies images and snapshots', async () => {
        const source = 'ami-0123456789abcdef0';
        const { ImageId } = (await awsJson(
          'ec2',
          'copy-image',
          '--region',
          'eu-west-1',
          '--source-region',
          'us-east-1',
          '--source-image-id',
          source,
          '--name',
          'copied',
        )) as { ImageId: string };
        const [snapshot = ''] = (await awsJson(
          'ec2',
          'describe-images',
          '--image-ids',
          source,
          '--query',
          'Images[].BlockDeviceMappings[].Ebs.SnapshotId',
        )) as string[];
        await awsJson(
          'ec2',
          'copy-snapshot',
          '--region',
          'eu-west-1',
          '--source-region',
          'us-east-1',
          '--source-snapshot-id',
          snapshot,
        );
        await fetch(`${url}/_sim/clock`, { method: 'POST', body: JSON.stringify({ advanceSeconds: 90 }) });
        await awsJson('ec2', 'wait', 'image-available', '--region', 'eu-west-1', '--image-ids', ImageId);
        const states = await awsJson(
          'ec2',
          'describe-snapshots',
          '--region',
          'eu-west-1',
          '--owner-ids',
          'self',
          '--query',
          'Snapshots[].State',
        );
        expect(states).toEqual(['completed', 'completed']);
      });

      it('says who it is, and which regions there are', async () => {
        expect(await awsJson('sts', 'get-caller-identity', '--query', 'Account')).toBe(OWNER);
        expect(
          await awsJson('ec2', 'describe-regions', '--region-names', 'eu-west-1', '--query', 'Regions[].OptInStatus'),
        ).toEqual(['opt-in-not-required']);
      });
    });
  },
);
