import {
  CreateImageUsageReportCommand,
  DeleteImageUsageReportCommand,
  DescribeImageUsageReportEntriesCommand,
  DescribeImageUsageReportsCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OTHER, OWNER, refusal, useSimulated } from './simulated.ts';

const OTHERS = Array.from({ length: 51 }, (_, index) => `ami-000000000000005${String(index).padStart(2, '0')}`);
const [ANOTHER = ''] = OTHERS;

const sim = useSimulated(`
seed: 7
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      images:
        - {id: ${IMAGE}, name: web-base-1, launchPermissions: {accounts: ["${OTHER}"]}}
${OTHERS.map((id) => `        - {id: ${id}, name: ${id}}`).join('\n')}
      instances: [{image: web-base-1}, {image: web-base-1}]
  "${OTHER}":
    us-east-1: {launchTemplates: [{name: web, image: web-base-1}]}
`);

const TYPES = [{ ResourceType: 'ec2:Instance' }, { ResourceType: 'ec2:LaunchTemplate' }];
const DAY = 86_400;

async function create(more: object = {}): Promise<string> {
  const command = new CreateImageUsageReportCommand({ ImageId: IMAGE, ResourceTypes: TYPES, ...more });
  return (await sim.ec2().send(command)).ReportId ?? '';
}

async function entries(report: string): Promise<string[]> {
  const { ImageUsageReportEntries = [] } = await sim
    .ec2()
    .send(new DescribeImageUsageReportEntriesCommand({ ReportIds: [report] }));
  return ImageUsageReportEntries.map((each) => `${each.UsageCount} ${each.ResourceType} ${each.AccountId}`).sort();
}

describe('an image usage report', () => {
  it('is pending at first and has no entries then; later it tells of every account', async () => {
    const id = await create();
    expect(id).toMatch(/^amiur-[0-9a-f]{17}$/);
    const states = async (): Promise<unknown> =>
      (await sim.ec2().send(new DescribeImageUsageReportsCommand({ ImageIds: [IMAGE] }))).ImageUsageReports?.map(
        ({ State, ReportId, AccountIds }) => ({ State, ReportId, AccountIds }),
      );
    expect(await states()).toEqual([{ State: 'pending', ReportId: id, AccountIds: [] }]);
    expect(await entries(id)).toEqual([]);
    sim.advance(60);
    expect(await states()).toEqual([{ State: 'available', ReportId: id, AccountIds: [] }]);
    expect(await entries(id)).toEqual([`1 ec2:LaunchTemplate ${OTHER}`, `2 ec2:Instance ${OWNER}`]);
  });

  it('is limited to the accounts and types that it was asked for', async () => {
    const instances = await create({ ResourceTypes: [{ ResourceType: 'ec2:Instance' }] });
    sim.advance(60);
    const others = await create({ AccountIds: [OTHER] });
    sim.advance(60);
    expect(await entries(instances)).toEqual([`2 ec2:Instance ${OWNER}`]);
    expect(await entries(others)).toEqual([`1 ec2:LaunchTemplate ${OTHER}`]);
  });

  it('misses instances of the last day and templates of the last three days', async () => {
    sim.simulator.use({ account: OTHER, region: 'us-east-1', imageId: IMAGE });
    sim.simulator.use({ account: OTHER, region: 'us-east-1', imageId: IMAGE, template: 'new' });
    const seen: string[][] = [];
    for (const days of [0, 1, 2]) {
      sim.advance(days * DAY);
      const id = await create({ AccountIds: [OTHER] });
      sim.advance(60);
      seen.push(await entries(id));
    }
    expect(seen).toEqual([
      [`1 ec2:LaunchTemplate ${OTHER}`],
      [`1 ec2:Instance ${OTHER}`, `1 ec2:LaunchTemplate ${OTHER}`],
      [`1 ec2:Instance ${OTHER}`, `2 ec2:LaunchTemplate ${OTHER}`],
    ]);
  });

  it('with the same token is the same report; with other parameters it is refused', async () => {
    const id = await create({ ClientToken: 'a' });
    expect(await create({ ClientToken: 'a' })).toBe(id);
    sim.advance(60);
    expect(await create({ ClientToken: 'a' })).toBe(id);
    expect(await create({ ClientToken: 'b' })).not.toBe(id);
    const other = new CreateImageUsageReportCommand({
      ImageId: IMAGE,
      ResourceTypes: TYPES.slice(1),
      ClientToken: 'a',
    });
    expect((await refusal(sim.ec2().send(other))).code).toBe('IdempotentParameterMismatch');
  });

  it('can be deleted once, and is gone after thirty days', async () => {
    const id = await create();
    const remove = new DeleteImageUsageReportCommand({ ReportId: id });
    await sim.ec2().send(remove);
    expect((await refusal(sim.ec2().send(remove))).code).toBe('InvalidImageUsageReportId.NotFound');
    const later = await create();
    sim.advance(31 * DAY);
    expect(await entries(later)).toEqual([]);
  });

  it('is for the owner of the image alone', async () => {
    const command = new CreateImageUsageReportCommand({ ImageId: IMAGE, ResourceTypes: TYPES });
    expect((await refusal(sim.ec2(OTHER).send(command))).code).toMatch(/AuthFailure|InvalidAMIID/);
  });

  it('looks at the newest twenty versions of a launch template, or at as many as it is asked to, and says so', async () => {
    for (let version = 0; version < 20; version++)
      sim.simulator.use({ account: OTHER, region: 'us-east-1', imageId: ANOTHER, template: 'web' });
    sim.advance(3 * DAY);
    const usual = await create({ AccountIds: [OTHER] });
    sim.advance(60);
    const deep = await create({
      AccountIds: [OTHER],
      ResourceTypes: [{ ResourceType: 'ec2:LaunchTemplate', ResourceTypeOptions: [depth('21')] }],
    });
    sim.advance(60);
    expect(await entries(usual)).toEqual([]);
    expect(await entries(deep)).toEqual([`1 ec2:LaunchTemplate ${OTHER}`]);
    const { ImageUsageReports = [] } = await sim
      .ec2()
      .send(new DescribeImageUsageReportsCommand({ ReportIds: [usual, deep] }));
    expect(ImageUsageReports.flatMap(({ ResourceTypes }) => ResourceTypes?.at(-1)?.ResourceTypeOptions ?? [])).toEqual([
      depth('21'),
    ]);
  });

  it.each([
    ['ec2:Instance', 'version-depth', '10'],
    ['ec2:LaunchTemplate', 'state-name', 'running'],
    ['ec2:LaunchTemplate', 'version-depth', '10001'],
    ['ssm:Parameter', 'version-depth', '10'],
  ])('on %s with %s=%s is refused', async (type, name, value) => {
    const options = [{ OptionName: name, OptionValues: [value] }];
    const asked = create({ ResourceTypes: [{ ResourceType: type, ResourceTypeOptions: options }] });
    expect((await refusal(asked)).code).toBe('InvalidParameterValue');
  });

  it('may come to nothing, and tells why', async () => {
    const id = await create();
    sim.simulator.failReports(IMAGE, 'Internal error');
    sim.advance(60);
    const { ImageUsageReports } = await sim.ec2().send(new DescribeImageUsageReportsCommand({ ReportIds: [id] }));
    expect(ImageUsageReports).toMatchObject([{ State: 'error', StateReason: 'Internal error' }]);
    expect(await entries(id)).toEqual([]);
    expect(await create()).not.toBe(id);
  });

  it('is made of an image once at a time', async () => {
    await create();
    await expect(create()).rejects.toMatchObject({ name: 'ResourceLimitExceeded' });
    sim.advance(60);
    expect(await create()).toMatch(/^amiur-/);
  });

  it('is made of so many images at a time', async () => {
    for (const ImageId of OTHERS.slice(0, 50)) {
      await create({ ImageId });
      sim.advance(0.2);
    }
    await expect(create()).rejects.toMatchObject({ name: 'ResourceLimitExceeded' });
  });
});

const depth = (value: string) => ({ OptionName: 'version-depth', OptionValues: [value] });
