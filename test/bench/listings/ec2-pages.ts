import type { Image, Snapshot, Tags } from '../../../src/policy/model.ts';

const ACCOUNT = '111122223333';
const iso = (time: number): string => new Date(time).toISOString();
const tagSet = (tags: Tags): string =>
  `<tagSet>${Object.entries(tags)
    .map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`)
    .join('')}</tagSet>`;

/** An image with all that EC2 tells of one, of which decisions need a third. Nothing in it needs to be escaped. */
export function imageItem({ id, name, description, createdAt, tags, volumes, madeFrom }: Image): string {
  const mappings = volumes.map(
    ({ snapshotId, sizeGiB, encrypted }) =>
      `<item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>${snapshotId}</snapshotId><volumeSize>${sizeGiB}</volumeSize><deleteOnTermination>true</deleteOnTermination><volumeType>gp3</volumeType><iops>3000</iops><throughput>125</throughput><encrypted>${encrypted}</encrypted></ebs></item>`,
  );
  const source = madeFrom
    ? `<sourceImageId>${madeFrom}</sourceImageId><sourceImageRegion>us-east-1</sourceImageRegion>`
    : '';
  return `<item><imageId>${id}</imageId><imageLocation>${ACCOUNT}/${name}</imageLocation><imageState>available</imageState><imageOwnerId>${ACCOUNT}</imageOwnerId><creationDate>${iso(createdAt)}</creationDate><isPublic>false</isPublic><architecture>x86_64</architecture><imageType>machine</imageType><platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation><sriovNetSupport>simple</sriovNetSupport><name>${name}</name><description>${description}</description><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>${mappings.join('')}</blockDeviceMapping><virtualizationType>hvm</virtualizationType>${tagSet(tags)}<hypervisor>xen</hypervisor><enaSupport>true</enaSupport><bootMode>uefi-preferred</bootMode><imdsSupport>v2.0</imdsSupport>${source}<deregistrationProtection>disabled</deregistrationProtection><freeTierEligible>false</freeTierEligible></item>`;
}

export function snapshotItem({ id, description, startedAt, tags, sizeGiB, encrypted, kmsKeyId }: Snapshot): string {
  const key = kmsKeyId ? `<kmsKeyId>${kmsKeyId}</kmsKeyId>` : '';
  return `<item><snapshotId>${id}</snapshotId><volumeId>vol-ffffffff</volumeId><status>completed</status><startTime>${iso(startedAt)}</startTime><progress>100%</progress><ownerId>${ACCOUNT}</ownerId><volumeSize>${sizeGiB}</volumeSize><description>${description}</description>${tagSet(tags)}<encrypted>${encrypted}</encrypted>${key}<storageTier>standard</storageTier></item>`;
}

/** As many as EC2 tells of in one answer. */
export const PAGE = 1000;

const ELEMENTS = { DescribeImages: 'imagesSet', DescribeSnapshots: 'snapshotSet' } as const;
export type Listing = keyof typeof ELEMENTS;

/** An answer of EC2. @param next the token of the page that follows; undefined: it is the last */
export function pageOf(action: Listing, items: readonly string[], next: string | undefined): string {
  const token = next === undefined ? '' : `<nextToken>${next}</nextToken>`;
  return answerOf(action, `<${ELEMENTS[action]}>${items.join('')}</${ELEMENTS[action]}>${token}`);
}

export const answerOf = (action: string, members: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId>${members}</${action}Response>`;
