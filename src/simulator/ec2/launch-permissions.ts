import { type Call, DONE, type Operation } from './call.ts';
import { ownImage } from './describe-images.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, type Permissions, type SimImage } from './world.ts';

const ORGANIZATION = /^arn:aws(-[a-z]+)*:organizations::\d{12}:organization\/o-[a-z0-9]+$/;
const UNIT = /^arn:aws(-[a-z]+)*:organizations::\d{12}:ou\/o-[a-z0-9]+\/ou-[a-z0-9]+-[a-z0-9]+$/;
const MAX_ENTITIES = 1000;

export const describeImageAttribute: Operation = {
  parameters: ['ImageId', 'Attribute', 'DryRun'],
  mutates: false,
  run(call) {
    const { id } = ownImage(call, call.query.required('ImageId'));
    const image = call.world.seenImage(id) as SimImage;
    switch (call.query.required('Attribute')) {
      case 'launchPermission':
        return { imageId: id, launchPermission: permissionXml(image.permissions) };
      case 'description':
        return { imageId: id, description: { value: image.description } };
      case 'productCodes':
        return {
          imageId: id,
          productCodes: image.productCodes.map((code) => ({ productCode: code, type: 'marketplace' })),
        };
      case 'deregistrationProtection':
        return { imageId: id, deregistrationProtection: { value: image.protection } };
      default:
        throw new Refusal('InvalidParameterValue', `Invalid value '${call.query.get('Attribute')}' for attribute`);
    }
  },
};

function permissionXml(permissions: Permissions): { readonly [name: string]: string }[] {
  return [
    ...permissions.accounts.map((userId) => ({ userId })),
    ...permissions.organizations.map((organizationArn) => ({ organizationArn })),
    ...permissions.organizationalUnits.map((organizationalUnitArn) => ({ organizationalUnitArn })),
    ...(permissions.public ? [{ group: 'all' }] : []),
  ];
}

export const modifyImageAttribute: Operation = {
  parameters: [
    'ImageId',
    'Attribute',
    'OperationType',
    'UserId',
    'UserGroup',
    'OrganizationArn',
    'OrganizationalUnitArn',
    'LaunchPermission',
    'Description',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, world } = call;
    const image = ownImage(call, query.required('ImageId'));
    const description = query.structure('Description').get('Value');
    if (description !== undefined) {
      world.putImage({ ...image, description });
      return DONE;
    }
    const { add, remove } = changesOf(query);
    check(call, image, add);
    world.putImage({ ...image, permissions: changed(image.permissions, add, remove) });
    return DONE;
  },
};

/** Both forms: the structured one, and the flat one with OperationType. */
function changesOf(query: Query): { readonly add: Permissions; readonly remove: Permissions } {
  const operation = query.get('OperationType');
  if (operation !== undefined) {
    if (operation !== 'add' && operation !== 'remove')
      throw new Refusal('InvalidParameterValue', `Invalid value '${operation}' for OperationType`);
    const flat: Permissions = {
      accounts: query.list('UserId'),
      organizations: query.list('OrganizationArn'),
      organizationalUnits: query.list('OrganizationalUnitArn'),
      public: query.list('UserGroup').includes('all'),
    };
    return operation === 'add' ? { add: flat, remove: NOBODY } : { add: NOBODY, remove: flat };
  }
  const structure = query.structure('LaunchPermission');
  const changes = { add: entries(structure, 'Add'), remove: entries(structure, 'Remove') };
  if (isNobody(changes.add) && isNobody(changes.remove))
    throw new Refusal('MissingParameter', 'The request must contain an attribute to modify');
  return changes;
}

const isNobody = (permissions: Permissions): boolean =>
  permissions.accounts.length + permissions.organizations.length + permissions.organizationalUnits.length === 0 &&
  !permissions.public;

function entries(query: Query, name: string): Permissions {
  const items = query.structures(name);
  const all = (field: string): string[] => items.flatMap((item) => item.get(field) ?? []);
  return {
    accounts: all('UserId'),
    organizations: all('OrganizationArn'),
    organizationalUnits: all('OrganizationalUnitArn'),
    public: all('Group').includes('all'),
  };
}

function check(call: Call, image: SimImage, add: Permissions): void {
  if (image.state !== 'available') {
    throw new Refusal(
      'InvalidAMIID.Unavailable',
      `The AMI ID '${image.id}' is currently ${image.state} and may not be used for this operation`,
    );
  }
  for (const account of add.accounts) {
    if (!/^\d{12}$/.test(account))
      throw new Refusal(
        'InvalidAMIAttributeItemValue',
        `Invalid attribute item value "${account}" for userId item type.`,
      );
  }
  for (const arn of [
    ...add.organizations.filter((each) => !ORGANIZATION.test(each)),
    ...add.organizationalUnits.filter((each) => !UNIT.test(each)),
  ]) {
    throw new Refusal('InvalidAMIAttributeItemValue', `Invalid attribute item value "${arn}".`);
  }
  if (isNobody(add)) return;
  if (image.volumes.some(({ encrypted, kmsKeyId }) => encrypted && kmsKeyId?.endsWith('key/aws-ebs') === true)) {
    throw new Refusal(
      'InvalidParameter',
      "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
    );
  }
  if (add.public) {
    throw new Refusal(
      'OperationNotPermitted',
      "You can't publicly share this image because block public access for AMIs is enabled for this account. To publicly share the image, you must call the DisableImageBlockPublicAccess API.",
    );
  }
  const { permissions } = image;
  const count = new Set([
    ...permissions.accounts,
    ...permissions.organizations,
    ...permissions.organizationalUnits,
    ...add.accounts,
    ...add.organizations,
    ...add.organizationalUnits,
  ]).size;
  if (count > MAX_ENTITIES)
    throw new Refusal(
      'ResourceLimitExceeded',
      `You have reached your quota of ${MAX_ENTITIES} for the number of entities that this image is shared with.`,
    );
  void call;
}

function changed(permissions: Permissions, add: Permissions, remove: Permissions): Permissions {
  const merge = (have: readonly string[], more: readonly string[], less: readonly string[]): string[] =>
    [...new Set([...have, ...more])].filter((entry) => !less.includes(entry)).sort();
  return {
    accounts: merge(permissions.accounts, add.accounts, remove.accounts),
    organizations: merge(permissions.organizations, add.organizations, remove.organizations),
    organizationalUnits: merge(permissions.organizationalUnits, add.organizationalUnits, remove.organizationalUnits),
    public: (permissions.public || add.public) && !remove.public,
  };
}

export const resetImageAttribute: Operation = {
  parameters: ['ImageId', 'Attribute', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    if (call.query.required('Attribute') !== 'launchPermission')
      throw new Refusal('InvalidParameterValue', 'Only launchPermission can be reset');
    call.world.putImage({ ...image, permissions: NOBODY });
    return DONE;
  },
};
