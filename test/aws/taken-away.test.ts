import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  DeleteTagsCommand,
  DeregisterImageCommand,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import { DeleteParameterCommand } from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { isRead } from '../../src/aws/error-table.ts';
import { DESTRUCTIVE_CALLS, takenAwayBy } from '../../src/aws/taken-away.ts';

const IMAGE = 'ami-00000000000000001';
const SNAPSHOT = 'snap-00000000000000001';
const ORGANIZATION = 'arn:aws:organizations::111122223333:organization/o-abc1234567';

describe('what a call takes away', () => {
  it.each<[string, object, object | undefined]>([
    ['an image', new DeregisterImageCommand({ ImageId: IMAGE }), { call: 'DeregisterImage', resources: [IMAGE] }],
    [
      'a parameter',
      new DeleteParameterCommand({ Name: '/ami/web' }),
      { call: 'DeleteParameter', resources: ['/ami/web'] },
    ],
    [
      'tags, by their keys',
      new DeleteTagsCommand({ Resources: [IMAGE, SNAPSHOT], Tags: [{ Key: 'team' }] }),
      { call: 'DeleteTags', resources: [IMAGE, SNAPSHOT], parts: ['team'] },
    ],
    [
      'launch permissions, from whomever',
      new ModifyImageAttributeCommand({
        ImageId: IMAGE,
        LaunchPermission: {
          Add: [{ UserId: '222233334444' }],
          Remove: [{ UserId: '444455556666' }, { OrganizationArn: ORGANIZATION }, { Group: 'all' }],
        },
      }),
      { call: 'ModifyImageAttribute', resources: [IMAGE], parts: ['444455556666', ORGANIZATION, 'all'] },
    ],
    [
      'create-volume permissions',
      new ModifySnapshotAttributeCommand({
        SnapshotId: SNAPSHOT,
        Attribute: 'createVolumePermission',
        OperationType: 'remove',
        UserIds: ['444455556666'],
      }),
      { call: 'ModifySnapshotAttribute', resources: [SNAPSHOT], parts: ['444455556666'] },
    ],
    [
      'nothing by giving a permission',
      new ModifyImageAttributeCommand({ ImageId: IMAGE, LaunchPermission: { Add: [{ UserId: '222233334444' }] } }),
      undefined,
    ],
    [
      'nothing by giving another one',
      new ModifySnapshotAttributeCommand({
        SnapshotId: SNAPSHOT,
        Attribute: 'createVolumePermission',
        OperationType: 'add',
        UserIds: ['444455556666'],
      }),
      undefined,
    ],
  ])('%s', (_, command, taken) => {
    expect(takenAwayBy(command)).toEqual(taken);
  });
});

/** They add to what is there, or change it so that it can be changed back. */
const GIVING = [
  'AddTagsToResource',
  'AssumeRole',
  'CopyImage',
  'CreateImageUsageReport',
  'CreateTags',
  'DisableImageDeprecation',
  'EnableImage',
  'EnableImageDeprecation',
  'EnableImageDeregistrationProtection',
  'PutParameter',
];

it('every command of the sources that changes something is known to give or to take away', () => {
  const folder = fileURLToPath(new URL('../../src/aws/', import.meta.url));
  const sent = readdirSync(folder)
    .map((name) => readFileSync(`${folder}${name}`, 'utf8'))
    .flatMap((text) => [...text.matchAll(/new (\w+)Command\(/g)].map(([, action = '']) => action))
    .filter((action) => !isRead(action));
  const known = new Set<string>([...DESTRUCTIVE_CALLS, ...GIVING]);
  expect(sent.length).toBeGreaterThan(10);
  expect(new Set(sent)).toEqual(known);
});
