import { describe, expect, it } from 'vitest';
import { managerOf } from '../../src/policy/other-managers.ts';
import { isoTime, mayTravel, TAG } from '../../src/policy/tags.ts';
import { codes, daysAgo, EU, ids, kinds, PARTNER, SOURCE, spec, World } from './world.ts';

describe('marks of other managers', () => {
  it.each<[string, string, string | undefined]>([
    ['CreatedBy', 'EC2 Image Builder', 'EC2 Image Builder'],
    ['CreatedBy', 'jenkins', undefined],
    ['Ec2ImageBuilderArn', 'arn:aws:imagebuilder:…', 'EC2 Image Builder'],
    ['aws:dlm:lifecycle-policy-id', 'policy-0', 'Data Lifecycle Manager'],
    ['dlm:managed', 'true', 'Data Lifecycle Manager'],
    ['aws:backup:source-resource', 'i-0', 'AWS Backup'],
    ['aws:cloudformation:stack-name', 'web', 'CloudFormation'],
    ['k8s.io/cluster-autoscaler/enabled', 'true', 'Cluster Autoscaler'],
    ['karpenter.sh/nodepool', 'web', 'Karpenter'],
    ['kubernetes.io/cluster/blue', 'owned', 'a Kubernetes cluster'],
    ['kubernetes.io/cluster/blue', 'shared', undefined],
    ['ManagedBy', 'Terraform', 'Terraform'],
    ['managed-by', 'terraform', 'Terraform'],
    ['terraform', 'true', 'Terraform'],
    ['terraform', 'false', undefined],
    ['managed_by', 'amifleet', undefined],
    ['pulumi:stack', 'prod', 'Pulumi'],
    ['app', 'terraform', undefined],
  ])('%s=%s', (key, value, manager) => {
    expect(managerOf({ tags: { app: 'web', [key]: value } })).toBe(manager);
    // Whatever is known as a mark is not written on copies.
    expect(manager === undefined || !mayTravel(key, value)).toBe(true);
  });

  it('tells what AWS Backup made by its description', () => {
    const description = 'This snapshot is created by the AWS Backup service.';
    expect(managerOf({ tags: {}, description })).toBe('AWS Backup');
  });

  it('does not take what the policy itself writes for a mark', () => {
    expect(managerOf({ tags: { ManagedBy: 'terraform' } }, { ManagedBy: 'terraform' })).toBeUndefined();
  });
});

describe('a copy that another manager has taken over', () => {
  const MARK = { 'aws:dlm:lifecycle-policy-id': 'policy-0' };
  const rules = spec({ retention: { keepNewest: 1, deleteAfterDays: 1 } });

  it('is not deleted when it is due, and the manager is named', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(1, EU, { tags: { ...MARK, [TAG.surplusSince]: isoTime(daysAgo(3)) } });
    world.copy(2, EU);
    const plan = world.plan(rules);
    expect(ids(plan)).toEqual([]);
    expect(plan.blocked).toMatchObject([
      { code: 'ManagedByOther', effect: 'keeps', message: expect.stringContaining('Data Lifecycle Manager') },
    ]);
  });

  it('is neither tagged, nor marked, nor shared', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(1, EU, { tags: { ...MARK, app: 'edited' } });
    world.copy(2, EU);
    const plan = world.plan(spec({ retention: { keepNewest: 1 }, sharing: { accounts: [PARTNER] } }));
    expect(plan.actions.every(({ subject }) => !subject.startsWith('web-1'))).toBe(true);
    expect(kinds(plan)).toContain('Share');
    expect(codes(plan)).toEqual(expect.arrayContaining(['ManagedByOther']));
  });

  it('is left by a policy that goes, which says so', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { tags: MARK });
    const plan = world.plan(spec({ deletionPolicy: 'Delete' }), { deleting: true });
    expect(plan.actions).toEqual([]);
    expect(plan.released).toBe(false);
    expect(plan.blocked[0]?.message).toContain('Data Lifecycle Manager');
  });
});

it('a source image that Image Builder made is shared and copied as any other', () => {
  const world = new World();
  world.source(1, { tags: { app: 'web', CreatedBy: 'EC2 Image Builder' } });
  const plan = world.plan(spec({ sharing: { accounts: [PARTNER] } }));
  expect(kinds(plan)).toEqual(expect.arrayContaining(['CopyImage', 'ClaimSource', 'Share']));
  expect(plan.actions.every(({ target }) => target.account === SOURCE.account)).toBe(true);
  expect(codes(plan)).toEqual([]);
});
