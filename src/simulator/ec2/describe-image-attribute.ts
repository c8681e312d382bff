import type { Answer, Operation } from './call.ts';
import { seconds } from './describe-images.ts';
import { ownImageSeen } from './image-access.ts';
import { Refusal } from './refusal.ts';
import { type Permissions, protectionOf, type SimImage } from './world.ts';
import type { Xml } from './xml.ts';

/** What each attribute answers; an element without a value stands for an attribute that is not set. */
const ATTRIBUTES: Readonly<Record<string, (image: SimImage, now: number) => Answer>> = {
  bootMode: ({ bootMode }) => ({ bootMode: value(bootMode) }),
  deregistrationProtection: (image, now) => ({ deregistrationProtection: value(protectionOf(image, now)) }),
  description: ({ description }) => ({ description: value(description === '' ? undefined : description) }),
  imdsSupport: ({ imdsSupport }) => ({ imdsSupport: value(imdsSupport) }),
  kernel: () => ({ kernel: value(undefined) }),
  lastLaunchedTime: ({ lastLaunchedAt }) => ({
    lastLaunchedTime: value(lastLaunchedAt === undefined ? undefined : seconds(lastLaunchedAt)),
  }),
  launchPermission: ({ permissions }) => ({ launchPermission: permissionXml(permissions) }),
  productCodes: ({ productCodes }) => ({
    productCodes: productCodes.map((code) => ({ productCode: code, type: 'marketplace' })),
  }),
  ramdisk: () => ({ ramdisk: value(undefined) }),
  sriovNetSupport: () => ({ sriovNetSupport: value(undefined) }),
  tpmSupport: () => ({ tpmSupport: value(undefined) }),
  uefiData: () => ({ uefiData: value(undefined) }),
};

const value = (text: string | undefined): Xml => ({ value: text });

export const describeImageAttribute: Operation = {
  parameters: ['ImageId', 'Attribute', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, world } = call;
    const image = ownImageSeen(call, query.required('ImageId'));
    const attribute = query.required('Attribute');
    if (attribute === 'blockDeviceMapping')
      throw new Refusal('AuthFailure', 'Unauthorized attempt to access restricted resource', 401);
    const read = Object.hasOwn(ATTRIBUTES, attribute) ? ATTRIBUTES[attribute] : undefined;
    if (!read) throw new Refusal('InvalidParameterValue', `Value (${attribute}) for parameter attribute is invalid.`);
    return { imageId: image.id, ...read(image, world.now()) };
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
