import {
  CreateImageUsageReportCommand,
  DescribeImageUsageReportEntriesCommand,
  type DescribeImageUsageReportEntriesCommandOutput,
  DescribeImageUsageReportsCommand,
  type DescribeImageUsageReportsCommandOutput,
  type ImageUsageReport,
} from '@aws-sdk/client-ec2';
import type { Usage, UsageReport } from '../policy/model.ts';
import type { CallOf } from '../policy/plan.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import type { OpenTarget } from './inventories.ts';

const DEPTH = { OptionName: 'version-depth', OptionValues: ['10000'] };
/** Everything that a report can tell of; launch templates with as many of their versions as it takes. */
const RESOURCE_TYPES = [
  { ResourceType: 'ec2:Instance' },
  { ResourceType: 'ec2:LaunchTemplate', ResourceTypeOptions: [DEPTH] },
];

/** Asks EC2 for a report over all accounts. The same token is the same report. */
export async function requestUsage(call: CallOf<'requestUsage'>, { ec2, inventory }: OpenTarget): Promise<void> {
  const { ReportId } = await ec2.send(
    new CreateImageUsageReportCommand({
      ImageId: call.imageId,
      ResourceTypes: RESOURCE_TYPES,
      ClientToken: call.token,
    }),
  );
  if (ReportId) inventory.overlay.usageRequested(call.imageId, ReportId);
}

/**
 * The newest report of an image that is over everything, whoever asked for it. EC2 makes one of an image at a time: while
 * it makes one that is not over everything, there is nothing to be asked for.
 * @throws AwsError
 */
export async function readUsageReport(ec2: ServiceApi, imageId: string, options: CallOptions): Promise<UsageReport> {
  let newest: ImageUsageReport | undefined;
  let partial: ImageUsageReport | undefined;
  let token: string | undefined;
  do {
    const page: DescribeImageUsageReportsCommandOutput = await ec2.send(
      new DescribeImageUsageReportsCommand({ ImageIds: [imageId], ...(token !== undefined && { NextToken: token }) }),
      options,
    );
    for (const report of page.ImageUsageReports ?? []) {
      if (!coversAll(report)) partial = report.State === 'pending' ? report : partial;
      else if (timeOf(report) >= timeOf(newest)) newest = report;
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  const found = newest ?? partial;
  if (!found?.ReportId) return { kind: 'none' };
  const { ReportId: id, State, StateReason } = found;
  const createdAt = timeOf(found);
  if (State === 'available') return { kind: 'available', id, createdAt, usages: await readEntries(ec2, id, options) };
  if (State === 'error') return { kind: 'failed', id, createdAt, why: StateReason ?? 'EC2 gives no reason' };
  return { kind: 'pending', id, createdAt };
}

const timeOf = (report: ImageUsageReport | undefined): number => report?.CreationTime?.getTime() ?? 0;

/**
 * Somebody may have asked for a report on some accounts, on instances alone, or on fewer versions. Where EC2 does not
 * repeat how many versions it looks at, they are taken to be enough: otherwise no report of our own would ever count.
 */
function coversAll({ AccountIds = [], ResourceTypes = [] }: ImageUsageReport): boolean {
  if (AccountIds.length > 0) return false;
  return RESOURCE_TYPES.every(({ ResourceType }) => {
    const type = ResourceTypes.find((each) => each.ResourceType === ResourceType);
    const depth = type?.ResourceTypeOptions?.find(({ OptionName }) => OptionName === DEPTH.OptionName);
    return type !== undefined && (depth?.OptionValues ?? DEPTH.OptionValues).join() === DEPTH.OptionValues.join();
  });
}

async function readEntries(ec2: ServiceApi, reportId: string, options: CallOptions): Promise<readonly Usage[]> {
  const usages: Usage[] = [];
  let token: string | undefined;
  do {
    const page: DescribeImageUsageReportEntriesCommandOutput = await ec2.send(
      new DescribeImageUsageReportEntriesCommand({
        ReportIds: [reportId],
        ...(token !== undefined && { NextToken: token }),
      }),
      options,
    );
    for (const { AccountId = 'unknown', ResourceType = 'resource', UsageCount = 1 } of page.ImageUsageReportEntries ??
      [])
      if (UsageCount > 0) usages.push({ account: AccountId, type: ResourceType, count: UsageCount });
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return usages.toSorted((left, right) => (left.account + left.type < right.account + right.type ? -1 : 1));
}
