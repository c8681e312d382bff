import {
  CreateTagsCommand,
  DeregisterImageCommand,
  type Image,
  ModifyImageAttributeCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeWithPython } from '../python/suite.ts';
import { ACCOUNTS, amifleet, policy, type Run } from './amifleet.ts';
import { HOME, type Moto, OTHER, REQUIREMENTS, release, startMoto, tagsOf } from './moto-server.ts';

// Each run is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

const FRIEND = '444455556666';
const STRANGER = '999988887777';
const ORGANIZATION = 'arn:aws:organizations::111122223333:organization/o-abc1234567';
const UNIT = 'arn:aws:organizations::111122223333:ou/o-abc1234567/ou-ab12-cdef1234';

const source = (account: string): object => ({
  account,
  region: 'us-east-1',
  images: { tags: { release: 'stable' } },
  groupBy: ['app'],
  newest: 2,
});
const SPEC = {
  source: source(HOME),
  regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }, { name: 'ap-southeast-2' }],
  tags: { add: { team: 'platform' } },
};
const SHARING = { accounts: [FRIEND], organizations: [ORGANIZATION], organizationalUnits: [UNIT] };

/** What amifleet does to AWS. */
const MUTATING = /^(Copy|Create|Delete|Deregister|Modify|Enable|Disable|Reset)/;

await describeWithPython('file mode against moto', REQUIREMENTS, (python) => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto(python);
  });
  afterAll(() => moto.stop());
  beforeEach(() => moto.reset([release(1), release(2), release(3), release(1, OTHER), release(2, OTHER)]));

  const plan = (...policies: object[]): Promise<Run> => amifleet(moto.endpoint, ['plan'], [...ACCOUNTS, ...policies]);
  const apply = (...policies: object[]): Promise<Run> =>
    amifleet(moto.endpoint, ['apply', '--wait', '--yes'], [...ACCOUNTS, ...policies]);
  const mutations = async (): Promise<number> =>
    Object.entries(await moto.calls()).reduce((sum, [action, count]) => sum + (MUTATING.test(action) ? count : 0), 0);
  const only = (images: readonly Image[], name: string): Image & { readonly ImageId: string } => {
    const found = images.filter((image) => image.Name === name);
    expect(found.map(({ Name }) => Name)).toEqual([name]);
    return found[0] as Image & { readonly ImageId: string };
  };

  it('copies what is wanted into each region, with its identity on image and snapshots', async () => {
    const golden = policy('golden', SPEC);
    expect((await plan(golden)).code).toBe(2);
    expect(await mutations()).toBe(0);
    expect(await apply(golden)).toMatchObject({ code: 0, stderr: '' });
    for (const region of ['eu-west-1', 'ap-southeast-2']) {
      const images = await moto.images(region);
      expect(images.map(({ Name }) => Name)).toEqual(['web-2', 'web-3']);
      const copy = only(images, 'web-3');
      const [snapshot, ...more] = await moto.snapshotsOf(copy, region);
      expect(more).toEqual([]);
      for (const tags of [tagsOf(copy.Tags), tagsOf(snapshot?.Tags)]) {
        expect(tags).toMatchObject({
          'amifleet.io/policy': 'platform/golden',
          'amifleet.io/cluster': 'file',
          'amifleet.io/source-image': release(3).id,
          'amifleet.io/source-account': HOME,
          'amifleet.io/source-region': 'us-east-1',
          'amifleet.io/source-name': 'web-3',
          'amifleet.io/source-created': '2025-03-01T00:00:00.000Z',
          'amifleet.io/family': 'x86_64 app=web',
          app: 'web',
          release: 'stable',
          team: 'platform',
        });
        expect(tags['amifleet.io/policy-uid']).toMatch(/^[0-9a-f-]{36}$/);
      }
    }
    expect((await moto.images('us-east-1')).map(({ Name }) => Name)).toEqual(['web-1', 'web-2', 'web-3']);
  });

  it('changes nothing the second time, and has nothing to plan', async () => {
    const golden = policy('golden', { ...SPEC, sharing: SHARING, retention: { keepNewest: 2, deleteAfterDays: 0 } });
    expect((await apply(golden)).code).toBe(0);
    const before = await mutations();
    expect(before).toBeGreaterThan(0);
    expect(await apply(golden)).toMatchObject({ code: 0, stderr: '' });
    expect(await mutations()).toBe(before);
    expect(await plan(golden)).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') as string });
  });

  it('copies again what somebody has deregistered', async () => {
    const golden = policy('golden', SPEC);
    await apply(golden);
    const lost = only(await moto.images('eu-west-1'), 'web-3').ImageId;
    await moto.ec2('eu-west-1').send(new DeregisterImageCommand({ ImageId: lost }));
    expect((await apply(golden)).code).toBe(0);
    expect(only(await moto.images('eu-west-1'), 'web-3').ImageId).not.toBe(lost);
  });

  it('shares with exactly the accounts, the organisation and the unit that are listed, and repairs what drifts', async () => {
    const golden = policy('golden', { ...SPEC, sharing: SHARING });
    await apply(golden);
    const copy = only(await moto.images('eu-west-1'), 'web-3').ImageId;
    const exact = [FRIEND, ORGANIZATION, UNIT].sort();
    expect(await moto.sharedWith(copy, 'eu-west-1')).toEqual(exact);
    expect(await moto.sharedWith(release(3).id, 'us-east-1')).toEqual(exact);
    await moto.ec2('eu-west-1').send(
      new ModifyImageAttributeCommand({
        ImageId: copy,
        LaunchPermission: {
          Add: [{ UserId: STRANGER }, { Group: 'all' }],
          Remove: [{ UserId: FRIEND }, { OrganizationalUnitArn: UNIT }],
        },
      }),
    );
    expect((await apply(golden)).code).toBe(0);
    expect(await moto.sharedWith(copy, 'eu-west-1')).toEqual(exact);
    const fewer = policy('golden', { ...SPEC, sharing: { organizations: [ORGANIZATION] } });
    expect((await apply(fewer)).code).toBe(0);
    expect(await moto.sharedWith(copy, 'eu-west-1')).toEqual([ORGANIZATION]);
    expect(await moto.sharedWith(release(3).id, 'us-east-1')).toEqual([ORGANIZATION]);
  });

  it('deletes nothing that is due, because moto cannot tell what refers to an image, and says so', async () => {
    const retention = { keepNewest: 1, deleteAfterDays: 7 };
    await apply(policy('golden', SPEC));
    const old = only(await moto.images('eu-west-1'), 'web-2');
    const shorter = policy('golden', { ...SPEC, source: { ...source(HOME), newest: 1 }, retention });
    expect((await apply(shorter)).code).toBe(0);
    expect(tagsOf(only(await moto.images('eu-west-1'), 'web-2').Tags)['amifleet.io/surplus-since']).toBeDefined();
    // A week passes: the tag is the clock.
    await moto.ec2('eu-west-1').send(
      new CreateTagsCommand({
        Resources: [old.ImageId],
        Tags: [{ Key: 'amifleet.io/surplus-since', Value: '2026-01-01T00:00:00.000Z' }],
      }),
    );
    const before = await mutations();
    const run = await apply(shorter);
    expect(run.stdout).toContain('UseUnknown');
    expect(run.stdout).toContain('the endpoint does not answer DescribeImageReferences as EC2 does');
    expect(await mutations()).toBe(before);
    expect((await moto.images('eu-west-1')).map(({ Name }) => Name)).toEqual(['web-2', 'web-3']);
    expect(await moto.snapshotsOf(old, 'eu-west-1')).toHaveLength(1);
  });

  it('works in another account by its role', async () => {
    const theirs = policy('theirs', { source: source(OTHER), regions: [{ name: 'eu-west-1' }], sharing: SHARING });
    expect(await apply(theirs)).toMatchObject({ code: 0, stderr: '' });
    expect((await moto.images('eu-west-1', OTHER)).map(({ Name }) => Name)).toEqual(['web-1', 'web-2']);
    expect(await moto.images('eu-west-1', HOME)).toEqual([]);
  });

  it('says that a copy into another account is refused, opens the origin for it, and goes on elsewhere', async () => {
    const both = policy('both', {
      source: { ...source(HOME), newest: 1 },
      regions: [{ name: 'eu-west-1' }],
      accounts: [{ id: OTHER }],
    });
    const run = await amifleet(moto.endpoint, ['apply', '--yes'], [...ACCOUNTS, both]);
    // moto shows nobody the images of another account, whatever their launch permissions say.
    expect(run.stdout).toContain(`CopyImage not done  ${OTHER}/eu-west-1`);
    expect(run.stdout).toContain('InvalidAMIIDNotFound');
    expect(await moto.images('eu-west-1', OTHER)).toEqual([]);
    expect((await moto.images('eu-west-1')).map(({ Name }) => Name)).toEqual(['web-3']);
    const origin = only(await moto.images('us-east-1'), 'web-3');
    expect(tagsOf(origin.Tags)[`amifleet.io/temp-grant-${OTHER}`]).toBeDefined();
    expect(await moto.sharedWith(origin.ImageId, 'us-east-1')).toEqual([OTHER]);
    // Once the account is no longer wanted, what was given for the copy alone is taken back.
    const alone = policy('both', { source: { ...source(HOME), newest: 1 }, regions: [{ name: 'eu-west-1' }] });
    expect((await apply(alone)).code).toBe(0);
    expect(await moto.sharedWith(origin.ImageId, 'us-east-1')).toEqual([]);
    expect(Object.keys(tagsOf(only(await moto.images('us-east-1'), 'web-3').Tags))).not.toContain(
      `amifleet.io/temp-grant-${OTHER}`,
    );
  });
});
