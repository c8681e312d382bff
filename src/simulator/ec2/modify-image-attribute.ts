import { type Call, DONE, type Operation } from './call.ts';
import { ownImage, requireState } from './image-access.ts';
import { underManagedKey } from './keys.ts';
import { changesPermissions, entitiesOf, isNobody, permissionChangeOf, withChange } from './launch-permissions.ts';
import { publicIsBlocked } from './public-access.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, type Permissions, type SimImage, TWO_YEARS_MS } from './world.ts';

/** ec2-facts, section 3. */
const MAX_ENTITIES = 1000;

export const modifyImageAttribute: Operation = {
  parameters: [
    'ImageId',
    'Attribute',
    'Value',
    'OperationType',
    'UserId',
    'UserGroup',
    'OrganizationArn',
    'OrganizationalUnitArn',
    'LaunchPermission',
    'Description',
    'ImdsSupport',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    call.world.putImage(CHANGES[attributeOf(call)](call, image));
    return DONE;
  },
};

type Attribute = 'launchPermission' | 'description' | 'imdsSupport';

/** What becomes of the image, by the attribute that is modified. */
const CHANGES: Readonly<Record<Attribute, (call: Call, image: SimImage) => SimImage>> = {
  launchPermission: (call, image) => {
    const change = permissionChangeOf(call.query);
    requireState(image, ['available']);
    const permissions = withChange(image.permissions, change, image.account);
    checkSharing(call, image, change.add, permissions);
    return change.add.public ? published(image, permissions) : { ...image, permissions };
  },
  description: ({ query }, image) => {
    const description = query.get('Attribute') === 'description' ? query.get('Value') : query.get('Description.Value');
    if (description === undefined) throw missing('description');
    requireState(image, ['available', 'disabled']);
    return { ...image, description };
  },
  imdsSupport: ({ query }, image) => {
    const support = query.get('Attribute') === 'imdsSupport' ? query.get('Value') : query.get('ImdsSupport.Value');
    if (support !== 'v2.0')
      throw new Refusal('InvalidParameterValue', `Value (${support}) for parameter imdsSupport is invalid.`);
    requireState(image, ['available', 'disabled']);
    return { ...image, imdsSupport: support };
  },
};

const missing = (parameter: string): Refusal =>
  new Refusal('MissingParameter', `The request must contain the parameter ${parameter}`);

/** The one attribute that a request is about. */
function attributeOf({ query }: Call): Attribute {
  const named = query.get('Attribute');
  const names = query.names();
  const about: Attribute[] = [];
  if (changesPermissions(query)) about.push('launchPermission');
  if (named === 'description' || names.has('Description')) about.push('description');
  if (named === 'imdsSupport' || names.has('ImdsSupport')) about.push('imdsSupport');
  const [first, second] = about;
  if (named !== undefined && (first === undefined || !about.includes(named as Attribute)))
    throw new Refusal('InvalidParameterValue', `Value (${named}) for parameter attribute is invalid.`);
  if (second !== undefined)
    throw new Refusal('InvalidParameterCombination', 'Fields for multiple attribute types specified');
  if (first === undefined) throw missing('attribute');
  return first;
}

function checkSharing(call: Call, image: SimImage, add: Permissions, after: Permissions): void {
  if (isNobody(add)) return;
  if (image.volumes.some(underManagedKey)) {
    throw new Refusal(
      'InvalidParameter',
      "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
    );
  }
  if (add.public) checkPublishing(call, image);
  if (entitiesOf(after) > MAX_ENTITIES)
    throw new Refusal(
      'ResourceLimitExceeded',
      `You have reached your quota of ${MAX_ENTITIES} for the number of entities that this image is shared with.`,
    );
}

function checkPublishing({ place, world }: Call, image: SimImage): void {
  if (publicIsBlocked(place, world.now()))
    throw new Refusal(
      'OperationNotPermitted',
      "You can't publicly share this image because block public access for AMIs is enabled for this account. To publicly share the image, you must call the DisableImageBlockPublicAccess API.",
    );
  if (image.volumes.some(({ encrypted }) => encrypted))
    throw new Refusal(
      'UnsupportedOperation',
      'Encrypted snapshots can’t be shared publicly. Specify another snapshot.',
    );
  if (image.productCodes.length > 0)
    throw new Refusal('UnsupportedOperation', 'Images with product codes can’t be shared publicly.');
  const held = [...place.images.values(), ...[...place.bin.values()].map((entry) => entry.image)];
  const shared = held.filter(({ id, permissions }) => permissions.public && id !== image.id);
  const { publicImages } = world.seed.quotas;
  if (shared.length >= publicImages)
    throw new Refusal(
      'ResourceLimitExceeded',
      `You have reached your quota of ${publicImages} for the number of public images allowed in this Region. Deregister unused public images, or request an increase.`,
    );
}

/** A public image is deprecated by itself. */
function published(image: SimImage, permissions: Permissions): SimImage {
  const latest = image.createdAt + TWO_YEARS_MS;
  return { ...image, permissions, deprecationTime: Math.min(image.deprecationTime ?? latest, latest) };
}

export const resetImageAttribute: Operation = {
  parameters: ['ImageId', 'Attribute', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const attribute = call.query.required('Attribute');
    if (attribute !== 'launchPermission')
      throw new Refusal('InvalidParameterValue', `Value (${attribute}) for parameter attribute is invalid.`);
    requireState(image, ['available']);
    call.world.putImage({ ...image, permissions: NOBODY });
    return DONE;
  },
};
