import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GRANTS, PERMISSIONS } from '../../src/cli/iam-permissions.ts';
import { IAM_POLICIES, type IamPolicy, type IamPolicyName, iamPolicy } from '../../src/cli/iam-policies.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const NAMES = Object.keys(IAM_POLICIES) as IamPolicyName[];
const actionsOf = ({ Statement }: IamPolicy): string[] => Statement.flatMap(({ Action }) => Action);
const statement = (policy: IamPolicy, sid: string): IamPolicy['Statement'][number] | undefined =>
  policy.Statement.find(({ Sid }) => Sid === sid);

/** Commands of the AWS SDK that src/ makes. The demo's people, who break things by hand, work in the simulator only. */
function commandsInSource(): Set<string> {
  const files = readdirSync(root('src'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.startsWith(join('cli', 'demo')),
  );
  const commands = new Set<string>();
  for (const path of files) {
    const text = readFileSync(join(root('src'), path), 'utf8');
    if (!text.includes("'@aws-sdk/")) continue;
    for (const [, name = ''] of text.matchAll(/new\s+(\w+Command)\s*[(<]/g)) commands.add(name);
  }
  return commands;
}

describe('the table of permissions', () => {
  it('has a row for each command that is sent, and no other', () => {
    const sent = [...commandsInSource()].sort();
    expect(sent.length).toBeGreaterThan(10);
    expect(Object.keys(PERMISSIONS).sort()).toEqual(sent);
  });

  it('uses every statement', () => {
    const used = new Set(Object.values(PERMISSIONS).flatMap((grants) => Object.keys(grants)));
    expect([...used].sort()).toEqual(Object.keys(GRANTS).sort());
  });
});

describe('what a command needs beside its own name', () => {
  const neededBy = (command: string): string[] => Object.values(PERMISSIONS[command] ?? {}).flat();

  it.each([
    [
      'CopyImageCommand',
      ['ec2:CreateTags', 'kms:CreateGrant', 'kms:Decrypt', 'kms:DescribeKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
    ],
    [
      'DescribeImageReferencesCommand',
      ['ssm:DescribeParameters', 'ssm:GetParameters', 'imagebuilder:ListImageRecipes', 'ec2:DescribeInstances'],
    ],
    ['PutParameterCommand', ['ec2:DescribeImages', 'ssm:AddTagsToResource']],
  ])('%s: what AWS does for it with the rights of the caller', (command, actions) => {
    expect(neededBy(command)).toEqual(expect.arrayContaining(actions));
    // Whoever has the policy for an account has all of it.
    expect(actionsOf(iamPolicy('account', 'aws'))).toEqual(expect.arrayContaining(actions));
  });
});

describe.each(NAMES)('deploy/iam/%s.json', (name) => {
  it('is as it is made from the table', () => {
    expect(readFileSync(root(`deploy/iam/${name}.json`), 'utf8')).toBe(
      `${JSON.stringify(iamPolicy(name, 'aws'), null, 2)}\n`,
    );
  });

  it('names every action in full, and fits into a managed policy', () => {
    const policy = iamPolicy(name, 'aws');
    for (const action of actionsOf(policy)) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
    for (const { Sid } of policy.Statement) expect(Sid).toMatch(/^[A-Za-z0-9]+$/);
    // IAM does not count white space; 6144 is its limit.
    expect(JSON.stringify(policy).length).toBeLessThan(6144);
  });
});

it('has a file for each policy, and no other', () => {
  expect(
    readdirSync(root('deploy/iam'))
      .filter((file) => file.endsWith('.json'))
      .sort(),
  ).toEqual(NAMES.map((name) => `${name}.json`).sort());
});

describe('least privilege', () => {
  const account = iamPolicy('account', 'aws');

  it('lets a read-only account be read, and nothing else', () => {
    for (const action of actionsOf(iamPolicy('account-read-only', 'aws'))) {
      expect(action).toMatch(/^\w+:(Describe|Get|List)/);
    }
    const reads = actionsOf(account).filter((action) => /^(ec2|ssm|kms|imagebuilder):(Describe|Get|List)/.test(action));
    expect(new Set(actionsOf(iamPolicy('account-read-only', 'aws')))).toEqual(new Set(reads));
  });

  it('lets the controller itself do nothing but assume the roles', () => {
    expect(actionsOf(iamPolicy('controller', 'aws'))).toEqual(['sts:AssumeRole']);
  });

  it.each(['ec2:DeregisterImage', 'ec2:DeleteSnapshot'])('%s needs our mark on what is deleted', (action) => {
    const allowing = account.Statement.filter(({ Action }) => Action.includes(action));
    expect(allowing).toHaveLength(1);
    expect(allowing[0]?.Condition).toEqual({ Null: { 'aws:ResourceTag/amifleet.io/policy-uid': 'false' } });
  });

  it('never lets an image that is not ours be given the mark: only a new copy gets it, in the call that makes it', () => {
    const foreign = account.Statement.filter(
      ({ Action, Condition }) =>
        Action.includes('ec2:CreateTags') &&
        !Object.hasOwn(Condition?.['Null'] ?? {}, 'aws:ResourceTag/amifleet.io/policy-uid'),
    );
    expect(foreign.map(({ Sid }) => Sid).sort()).toEqual(['MarkSources', 'TagNewCopies']);
    expect(statement(account, 'TagNewCopies')?.Condition?.['StringEquals']).toEqual({
      'ec2:CreateAction': 'CopyImage',
    });
    expect(statement(account, 'MarkSources')?.Condition?.['ForAllValues:StringLike']).toEqual({
      'aws:TagKeys': ['amifleet.io/claimed-by', 'amifleet.io/temp-grant-*'],
    });
  });

  it.each(['ec2:ModifyImageAttribute', 'ec2:ModifySnapshotAttribute'])('%s makes nothing public', (action) => {
    const allowing = account.Statement.filter(({ Action }) => Action.includes(action));
    expect(allowing).toHaveLength(1);
    expect(allowing[0]?.Condition).toEqual({ StringNotEquals: { 'ec2:Add/group': 'all' } });
  });

  it('names what may be changed by its kind, and everything only where keys are used through EC2', () => {
    const everything = account.Statement.filter(({ Resource }) => Resource?.includes('*')).map(({ Sid }) => Sid);
    expect(everything).toEqual(['Read', 'ReadReferences', 'UseKeys', 'GrantKeys']);
  });

  it('asks for an external id of whoever assumes the role', () => {
    expect(iamPolicy('trust', 'aws').Statement[0]?.Condition?.['StringEquals']).toHaveProperty('sts:ExternalId');
  });
});

it.each(['aws-cn', 'aws-us-gov'])('speaks of the partition %s when asked to', (partition) => {
  const text = NAMES.map((name) => JSON.stringify(iamPolicy(name, partition))).join('');
  expect(text).toContain(`arn:${partition}:ec2:*::image/*`);
  expect(text).not.toContain('arn:aws:');
});
