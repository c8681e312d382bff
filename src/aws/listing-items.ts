import type {
  BlockDeviceMapping,
  EbsBlockDevice,
  Image,
  ProductCode,
  Snapshot,
  StateReason,
  Tag,
} from '@aws-sdk/client-ec2';
import type { XmlReader } from './xml-reader.ts';

/** Reads what is in the element that was entered last, and leaves it. */
export type Read<T> = (xml: XmlReader) => T;

const text: Read<string> = (xml) => xml.text();
const number: Read<number> = (xml) => Number(xml.text());
const flag: Read<boolean> = (xml) => xml.text() === 'true';
const time: Read<Date> = (xml) => new Date(xml.text());

export const listOf =
  <T>(item: Read<T>): Read<T[]> =>
  (xml) => {
    const items: T[] = [];
    while (xml.enter() !== undefined) items.push(item(xml));
    return items;
  };

/** By the name of the element: what the SDK calls it, and how it is read. All other elements are passed over. */
type Fields<T> = Readonly<Record<string, readonly [keyof T, Read<unknown>]>>;

function structure<T>(fields: Fields<T>): Read<T> {
  const known = new Map(Object.entries(fields));
  return (xml) => {
    const found: Partial<Record<keyof T, unknown>> = {};
    for (let name = xml.enter(); name !== undefined; name = xml.enter()) {
      const field = known.get(name);
      if (field) found[field[0]] = field[1](xml);
      else xml.skip();
    }
    return found as T;
  };
}

const tags = listOf(structure<Tag>({ key: ['Key', text], value: ['Value', text] }));

/** What decisions need of an image (see from-sdk.ts), as the SDK would read it. */
export const readImage = structure<Image>({
  imageId: ['ImageId', text],
  name: ['Name', text],
  description: ['Description', text],
  imageState: ['State', text],
  stateReason: ['StateReason', structure<StateReason>({ message: ['Message', text] })],
  creationDate: ['CreationDate', text],
  lastLaunchedTime: ['LastLaunchedTime', text],
  deprecationTime: ['DeprecationTime', text],
  architecture: ['Architecture', text],
  isPublic: ['Public', flag],
  deregistrationProtection: ['DeregistrationProtection', text],
  sourceImageId: ['SourceImageId', text],
  tagSet: ['Tags', tags],
  productCodes: ['ProductCodes', listOf(structure<ProductCode>({ productCode: ['ProductCodeId', text] }))],
  blockDeviceMapping: [
    'BlockDeviceMappings',
    listOf(
      structure<BlockDeviceMapping>({
        ebs: [
          'Ebs',
          structure<EbsBlockDevice>({
            snapshotId: ['SnapshotId', text],
            volumeSize: ['VolumeSize', number],
            encrypted: ['Encrypted', flag],
          }),
        ],
      }),
    ),
  ],
});

/** What decisions need of a snapshot, as the SDK would read it. */
export const readSnapshot = structure<Snapshot>({
  snapshotId: ['SnapshotId', text],
  status: ['State', text],
  statusMessage: ['StateMessage', text],
  progress: ['Progress', text],
  description: ['Description', text],
  volumeSize: ['VolumeSize', number],
  encrypted: ['Encrypted', flag],
  kmsKeyId: ['KmsKeyId', text],
  startTime: ['StartTime', time],
  storageTier: ['StorageTier', text],
  tagSet: ['Tags', tags],
});
