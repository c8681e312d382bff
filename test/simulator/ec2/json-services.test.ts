import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import {
  AddTagsToResourceCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { OTHER, OWNER, refusal, THIRD, useSimulated } from './simulated.ts';

const sim = useSimulated(`
seed: 7
accounts:
  "${OWNER}": {us-east-1: {keys: [{alias: alias/ami, grantsTo: ["${OTHER}"]}, {alias: alias/off, state: Disabled}, {alias: alias/rsa, spec: RSA_2048}, {alias: alias/hidden, hidden: true}]}}
  "${OTHER}": {us-east-1: {}}
  "${THIRD}": {us-east-1: {}}
`);

const keyArn = (): string => sim.world().keys.find(({ alias }) => alias === 'alias/ami')?.arn ?? '';

describe('KMS DescribeKey', () => {
  it('finds a key by alias, by id and by the ARNs of both', async () => {
    const arn = keyArn();
    for (const KeyId of [
      'alias/ami',
      arn,
      arn.slice(arn.lastIndexOf('/') + 1),
      `arn:aws:kms:us-east-1:${OWNER}:alias/ami`,
    ]) {
      const { KeyMetadata } = await sim.kms().send(new DescribeKeyCommand({ KeyId }));
      expect(KeyMetadata).toMatchObject({ Arn: arn, AWSAccountId: OWNER, KeyManager: 'CUSTOMER', KeyState: 'Enabled' });
    }
  });

  it('shows the key of another account by its ARN, and only to whom it was granted', async () => {
    const command = new DescribeKeyCommand({ KeyId: keyArn() });
    expect((await sim.kms(OTHER).send(command)).KeyMetadata?.Arn).toBe(keyArn());
    expect(await refusal(sim.kms(THIRD).send(command))).toMatchObject({ status: 400, code: 'NotFoundException' });
  });

  it('tells the key that AWS manages', async () => {
    const { KeyMetadata } = await sim.kms().send(new DescribeKeyCommand({ KeyId: 'alias/aws/ebs' }));
    expect(KeyMetadata?.KeyManager).toBe('AWS');
  });

  it('tells the state and the kind of a key, and nothing of one that it is not to show', async () => {
    const describeKey = async (KeyId: string) => (await sim.kms().send(new DescribeKeyCommand({ KeyId }))).KeyMetadata;
    expect(await describeKey('alias/off')).toMatchObject({ KeyState: 'Disabled', Enabled: false });
    expect(await describeKey('alias/rsa')).toMatchObject({ KeySpec: 'RSA_2048' });
    expect(await refusal(describeKey('alias/hidden'))).toMatchObject({ code: 'AccessDeniedException', status: 400 });
  });

  it('refuses an alias that is not there by its ARN', async () => {
    const refused = await refusal(sim.kms().send(new DescribeKeyCommand({ KeyId: 'alias/none' })));
    expect(refused.message).toBe(`Alias arn:aws:kms:us-east-1:${OWNER}:alias/none is not found.`);
  });
});

describe('the services that speak JSON', () => {
  it('refuse throttled, failed and unknown calls in their own words', async () => {
    const command = new DescribeKeyCommand({ KeyId: 'alias/ami' });
    await sim.control('POST', 'faults', [{ action: 'DescribeKey', kind: 'throttle' }]);
    expect(await refusal(sim.kms().send(command))).toMatchObject({ code: 'ThrottlingException', status: 400 });
    await sim.control('POST', 'faults', [{ action: 'DescribeKey', kind: 'error-AccessDeniedException' }]);
    expect(await refusal(sim.kms().send(command))).toMatchObject({ code: 'AccessDeniedException', status: 400 });
    const unknown = await refusal(sim.kms({ accessKeyId: 'ASIASIMNOBODY', secretAccessKey: 'x' }).send(command));
    expect(unknown.code).toBe('UnrecognizedClientException');
  });

  it('are counted like every call', async () => {
    await sim.kms().send(new DescribeKeyCommand({ KeyId: 'alias/ami' }));
    await refusal(sim.ssm(OTHER).send(new GetParameterCommand({ Name: '/none' })));
    expect(sim.simulator.calls()).toMatchObject([
      { action: 'DescribeKey', account: OWNER, count: 1, failed: 0 },
      { action: 'GetParameter', account: OTHER, count: 1, failed: 1 },
    ]);
  });
});

describe('SSM AddTagsToResource', () => {
  const add = (ResourceId: string, Value: string) =>
    sim
      .ssm()
      .send(new AddTagsToResourceCommand({ ResourceType: 'Parameter', ResourceId, Tags: [{ Key: 'team', Value }] }));

  it('adds to the tags that are there, by which the parameter is then found', async () => {
    const Tags = [{ Key: 'app', Value: 'web' }];
    await sim.ssm().send(new PutParameterCommand({ Name: '/ami', Value: 'x', Type: 'String', Tags }));
    await add('/ami', 'a');
    await add('/ami', 'b');
    const { Parameters } = await sim.ssm().send(
      new DescribeParametersCommand({
        ParameterFilters: [
          { Key: 'tag:app', Option: 'Equals', Values: ['web'] },
          { Key: 'tag:team', Option: 'Equals', Values: ['b'] },
        ],
      }),
    );
    expect(Parameters).toMatchObject([{ Name: '/ami' }]);
  });

  it('refuses a parameter that is not there', async () => {
    expect(await refusal(add('/none', 'a'))).toMatchObject({ code: 'InvalidResourceId', status: 400 });
  });
});
