import { type Answer, type Call, DONE, iso, type Operation, paged, tagSet } from './call.ts';
import { checkImageId, ownImage } from './image-access.ts';
import { tagSpecifications } from './query.ts';
import { Refusal } from './refusal.ts';
import type { SimWorld } from './sim-world.ts';
import type { SimUsageReport } from './world.ts';

const TYPES: ReadonlySet<string> = new Set(['ec2:Instance', 'ec2:LaunchTemplate']);
/** How long EC2 takes for one is not documented. */
const MAKING_MS = 60_000;
/** ec2-facts 8.4: a report may miss what was launched in the last day, and templates of the last few days. */
const INSTANCES_LAG_MS = 86_400_000;
const TEMPLATES_LAG_MS = 3 * 86_400_000;
/** ec2-facts, section 3. */
const KEPT_MS = 30 * 86_400_000;
/** Not documented; there is some limit on everything. */
const MAX_PENDING = 100;

export const createImageUsageReport: Operation = {
  parameters: ['ImageId', 'ResourceType', 'AccountId', 'ClientToken', 'TagSpecification', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, place, world } = call;
    const image = ownImage(call, query.required('ImageId'));
    const types = query.structures('ResourceType').map((entry) => entry.required('ResourceType'));
    if (types.length === 0)
      throw new Refusal('MissingParameter', 'The request must contain the parameter ResourceTypes');
    for (const type of types)
      if (!TYPES.has(type))
        throw new Refusal('InvalidParameterValue', `Value (${type}) for parameter resourceType is invalid.`);
    const token = query.get('ClientToken');
    const key = `usage ${token}`;
    const fingerprint = query.fingerprint(['ClientToken']);
    const known = token === undefined ? undefined : place.tokens.get(key);
    if (known && known.fingerprint !== fingerprint)
      throw new Refusal(
        'IdempotentParameterMismatch',
        'The client token you have provided is associated with a resource that has different parameters.',
      );
    if (known) return { reportId: known.imageId };
    if (reportsOf(call).filter(({ readyAt }) => readyAt > world.now()).length >= MAX_PENDING)
      throw new Refusal('ResourceLimitExceeded', 'You have reached your limit of pending image usage reports.');
    const accounts = query.list('AccountId');
    const now = world.now();
    const report: SimUsageReport = {
      id: world.id(place, 'amiur'),
      imageId: image.id,
      createdAt: now,
      readyAt: now + MAKING_MS,
      accounts,
      types,
      entries: entriesOf(world, image.id, place.region, types, accounts),
      tags: tagSpecifications(query, ['image-usage-report']).get('image-usage-report') ?? {},
    };
    place.usageReports.set(report.id, report);
    if (token !== undefined) place.tokens.set(key, { fingerprint, imageId: report.id });
    return { reportId: report.id };
  },
};

function entriesOf(
  world: SimWorld,
  imageId: string,
  region: string,
  types: readonly string[],
  accounts: readonly string[],
): SimUsageReport['entries'] {
  const now = world.now();
  return world.places().flatMap((place) => {
    if (place.region !== region || (accounts.length > 0 && !accounts.includes(place.account))) return [];
    const instances = place.instances.filter(
      (each) => each.imageId === imageId && each.launchedAt <= now - INSTANCES_LAG_MS,
    ).length;
    const templates = place.templates.filter(({ versions, madeAt }) =>
      versions.some((each, index) => each === imageId && (madeAt[index] ?? 0) <= now - TEMPLATES_LAG_MS),
    ).length;
    return [
      { account: place.account, type: 'ec2:Instance', count: instances },
      { account: place.account, type: 'ec2:LaunchTemplate', count: templates },
    ].filter(({ type, count }) => count > 0 && types.includes(type));
  });
}

const reportsOf = ({ place, world }: Call): SimUsageReport[] =>
  [...place.usageReports.values()].filter(({ createdAt }) => world.now() - createdAt <= KEPT_MS);

/** Reports of the own account, of these images or with these ids where such are named. */
function asked(call: Call): SimUsageReport[] {
  const images = call.query.list('ImageId');
  const ids = call.query.list('ReportId');
  for (const id of images) checkImageId(id);
  return reportsOf(call).filter(
    ({ id, imageId }) => (images.length === 0 || images.includes(imageId)) && (ids.length === 0 || ids.includes(id)),
  );
}

const LISTED = ['ImageId', 'ReportId', 'Filter', 'MaxResults', 'NextToken', 'DryRun'];

export const describeImageUsageReports: Operation = {
  parameters: LISTED,
  mutates: false,
  run(call) {
    const reports = new Map(asked(call).map((report) => [report.id, report]));
    const { items, nextToken } = paged(
      call,
      { least: 1, most: 1000, above: 'refused' },
      () => [...reports.values()],
      ({ id }) => id,
      (id) => reports.get(id),
    );
    return {
      imageUsageReportSet: items.map((report) => ({
        reportId: report.id,
        imageId: report.imageId,
        resourceTypeSet: report.types.map((resourceType) => ({ resourceType })),
        accountIdSet: report.accounts,
        state: report.readyAt > call.world.now() ? 'pending' : 'available',
        creationTime: iso(report.createdAt),
        expirationTime: iso(report.createdAt + KEPT_MS),
        tagSet: tagSet(report.tags),
      })),
      nextToken,
    };
  },
};

export const describeImageUsageReportEntries: Operation = {
  parameters: LISTED,
  mutates: false,
  run(call) {
    const ready = asked(call).filter(({ readyAt }) => readyAt <= call.world.now());
    const entries = new Map(
      ready.flatMap((report) =>
        report.entries.map((entry): [string, Answer] => [
          `${report.id} ${entry.account} ${entry.type}`,
          {
            reportId: report.id,
            imageId: report.imageId,
            accountId: entry.account,
            resourceType: entry.type,
            usageCount: entry.count,
            reportCreationTime: iso(report.createdAt),
          },
        ]),
      ),
    );
    const { items, nextToken } = paged(
      call,
      { least: 1, most: 1000, above: 'refused' },
      () => [...entries.keys()],
      (id) => id,
      (id) => id,
    );
    return { imageUsageReportEntrySet: items.map((id) => entries.get(id)), nextToken };
  },
};

export const deleteImageUsageReport: Operation = {
  parameters: ['ReportId', 'DryRun'],
  mutates: true,
  run({ query, place }) {
    const id = query.required('ReportId');
    if (!place.usageReports.delete(id))
      throw new Refusal('InvalidImageUsageReportId.NotFound', `The image usage report '${id}' does not exist`);
    return DONE;
  },
};
