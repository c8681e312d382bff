import { type Answer, type Call, DONE, iso, type Operation, paged, tagSet } from './call.ts';
import { checkImageId, ownImage } from './image-access.ts';
import { depthOf, invalid, optionOf } from './image-references.ts';
import { type Query, tagSpecifications } from './query.ts';
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
/** EC2 has 2,000 for an account and region (user guide, "View your AMI usage"), and one for an image. Which code it refuses with is not documented. */
const MAX_PENDING = 50;
/** Of each launch template, the newest versions. */
const DEFAULT_DEPTH = 20;

export const createImageUsageReport: Operation = {
  parameters: ['ImageId', 'ResourceType', 'AccountId', 'ClientToken', 'TagSpecification', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, place, world } = call;
    const image = ownImage(call, query.required('ImageId'));
    const types = query.structures('ResourceType').map(typeOf);
    if (types.length === 0)
      throw new Refusal('MissingParameter', 'The request must contain the parameter ResourceTypes');
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
    const pending = reportsOf(call).filter((report) => stateOf(report, world) === 'pending');
    if (pending.length >= MAX_PENDING || pending.some(({ imageId }) => imageId === image.id))
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

type Type = SimUsageReport['types'][number];

function typeOf(entry: Query): Type {
  const name = entry.required('ResourceType');
  if (!TYPES.has(name)) throw invalid('resourceType', name);
  for (const option of entry.structures('ResourceTypeOption')) {
    const given = option.required('OptionName');
    if (name !== 'ec2:LaunchTemplate' || given !== 'version-depth') throw invalid('optionName', given);
  }
  const depth = optionOf(entry, 'version-depth');
  return { name, ...(depth && { depth: depthOf(depth, DEFAULT_DEPTH) }) };
}

function stateOf({ readyAt, failure }: SimUsageReport, world: SimWorld): 'pending' | 'available' | 'error' {
  if (failure !== undefined) return 'error';
  return readyAt > world.now() ? 'pending' : 'available';
}

function entriesOf(
  world: SimWorld,
  imageId: string,
  region: string,
  types: readonly Type[],
  accounts: readonly string[],
): SimUsageReport['entries'] {
  const { depth = DEFAULT_DEPTH } = types.find(({ name }) => name === 'ec2:LaunchTemplate') ?? {};
  const now = world.now();
  return world.places().flatMap((place) => {
    if (place.region !== region || (accounts.length > 0 && !accounts.includes(place.account))) return [];
    const instances = place.instances.filter(
      (each) => each.imageId === imageId && each.launchedAt <= now - INSTANCES_LAG_MS,
    ).length;
    const templates = place.templates.filter(({ versions, madeAt }) =>
      versions
        .filter((_, index) => (madeAt[index] ?? 0) <= now - TEMPLATES_LAG_MS)
        .slice(-depth)
        .includes(imageId),
    ).length;
    return [
      { account: place.account, type: 'ec2:Instance', count: instances },
      { account: place.account, type: 'ec2:LaunchTemplate', count: templates },
    ].filter(({ type, count }) => count > 0 && types.some(({ name }) => name === type));
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
        resourceTypeSet: report.types.map(({ name, depth }) => ({
          resourceType: name,
          ...(depth !== undefined && {
            resourceTypeOptionSet: [{ optionName: 'version-depth', optionValueSet: [String(depth)] }],
          }),
        })),
        accountIdSet: report.accounts,
        state: stateOf(report, call.world),
        stateReason: report.failure,
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
    const ready = asked(call).filter((report) => stateOf(report, call.world) === 'available');
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
