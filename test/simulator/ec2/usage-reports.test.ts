import {
  CreateImageUsageReportCommand,
  DeleteImageUsageReportCommand,
  DescribeImageUsageReportEntriesCommand,
  DescribeImageUsageReportsCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OTHER, OWNER, refusal, useSimulated } from './simulated.ts';

const sim = useSimulated(`
seed: 7
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      images: [{id: ${IMAGE}, name: web-base-1, launchPermissions: {accounts: ["${OTHER}"]}}]
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

  it('has a limit of pending ones', async () => {
    await expect(
      (async () => {
        for (let count = 0; count < 120; count++) {
          await create({ ClientToken: String(count) });
          sim.advance(0.2);
        }
      })(),
    ).rejects.toMatchObject({ name: 'ResourceLimitExceeded' });
  });
});
