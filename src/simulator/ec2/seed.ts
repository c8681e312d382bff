import { z } from 'zod';
import { denial } from './iam.ts';
import { isRegion } from './regions.ts';

const accountId = z.string().regex(/^\d{12}$/, 'must be a 12-digit account id, in quotes');
const organizationArn = z
  .string()
  .regex(
    /^arn:aws(-[a-z]+)*:organizations::\d{12}:(organization\/o-[a-z0-9]+|ou\/o-[a-z0-9]+\/ou-[a-z0-9]+-[a-z0-9]+)$/,
    'must be the full ARN of an organization or an organizational unit',
  );
const days = z.number().min(0);
const tags = z
  .record(z.string().min(1).max(128), z.string().max(256))
  .refine((given) => Object.keys(given).length <= 50, 'has more than 50 tags')
  .default({});

const image = z
  .strictObject({
    id: z
      .string()
      .regex(/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/, 'must be ami- and 17 (or 8) hexadecimal digits')
      .optional(),
    name: z.string().regex(/^[A-Za-z0-9()[\] ./\-'@_]{3,128}$/, 'must be a name that EC2 allows: 3 to 128 characters'),
    description: z.string().default(''),
    ageDays: days.default(1),
    architecture: z.enum(['i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac']).default('x86_64'),
    tags,
    volumesGiB: z.array(z.number().int().min(1)).min(1).max(24).default([8]),
    encrypted: z.boolean().default(false),
    kmsKeyId: z.string().optional(),
    state: z.enum(['pending', 'available', 'failed', 'disabled']).default('available'),
    launchPermissions: z
      .strictObject({
        accounts: z.array(accountId).default([]),
        organizations: z.array(organizationArn).default([]),
        organizationalUnits: z.array(organizationArn).default([]),
        public: z.boolean().default(false),
      })
      .optional(),
    /** Accounts that may create volumes from its snapshots, which it takes to copy it. */
    createVolumePermissions: z.array(accountId).default([]),
    lastLaunchedDays: days.optional(),
    deregistrationProtection: z.boolean().default(false),
    productCodes: z.array(z.string()).default([]),
    /** AWS Backup made it: nobody else may delete it, nor its snapshots. */
    madeByBackup: z.boolean().default(false),
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (given.kmsKeyId !== undefined && !given.encrypted) wrong('kmsKeyId', 'needs encrypted: true');
    if (given.launchPermissions && given.state !== 'available')
      wrong('launchPermissions', `an image that is ${given.state} has none`);
    if (given.launchPermissions?.public && given.encrypted)
      wrong('launchPermissions', 'an encrypted image cannot be public');
  });

const region = z
  .strictObject({
    defaultEncryption: z.strictObject({ enabled: z.boolean(), kmsKeyId: z.string().optional() }).optional(),
    images: z.array(image).default([]),
    instances: z.array(z.strictObject({ image: z.string(), tags })).default([]),
    /** Several of one name are the versions of one template, the first is version 1. */
    launchTemplates: z.array(z.strictObject({ name: z.string().min(3).max(128), image: z.string() })).default([]),
    keys: z
      .array(
        z.strictObject({
          alias: z.string().regex(/^alias\/.+/),
          grantsTo: z.array(accountId).default([]),
          state: z.enum(['Enabled', 'Disabled', 'PendingDeletion']).default('Enabled'),
          spec: z.enum(['SYMMETRIC_DEFAULT', 'RSA_2048']).default('SYMMETRIC_DEFAULT'),
          /** Whether the account itself may look at it: EC2 may use it all the same. */
          hidden: z.boolean().default(false),
        }),
      )
      .default([]),
    parameters: z.array(z.strictObject({ name: z.string().min(1), value: z.string().min(1) })).default([]),
    /** Which images of other accounts may be used here; absent: all. */
    allowedImages: z
      .strictObject({
        state: z.enum(['disabled', 'audit-mode', 'enabled']),
        /** The accounts whose images are allowed. */
        providers: z.array(z.string()).default([]),
      })
      .optional(),
    /** For how long what is deregistered can be restored; and what is deleted of snapshots, where that is given as well. */
    recycleBin: z
      .strictObject({
        retentionDays: z.number().int().min(1).max(365).optional(),
        snapshotRetentionDays: z.number().int().min(1).max(365).optional(),
      })
      .optional(),
  })
  .superRefine(({ keys, images, defaultEncryption }, context) => {
    const known = (key: string | undefined): boolean =>
      key === undefined ||
      key === 'alias/aws/ebs' ||
      key.startsWith('arn:aws:kms:') ||
      keys.some(({ alias }) => alias === key);
    for (const [index, { kmsKeyId, encrypted, launchPermissions }] of images.entries()) {
      const wrong = (field: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['images', index, field], message });
      if (!known(kmsKeyId)) wrong('kmsKeyId', `there is no key ${kmsKeyId} here`);
      const key = kmsKeyId ?? defaultEncryption?.kmsKeyId ?? 'alias/aws/ebs';
      if (launchPermissions && encrypted && key === 'alias/aws/ebs')
        wrong('launchPermissions', 'an image under the AWS-managed key cannot be shared: give it a kmsKeyId');
    }
    if (!known(defaultEncryption?.kmsKeyId))
      context.addIssue({
        code: 'custom',
        path: ['defaultEncryption', 'kmsKeyId'],
        message: `there is no key ${defaultEncryption?.kmsKeyId} here`,
      });
  });

const regionName = z.string().refine(isRegion, 'is not a region');

const account = z
  .looseObject({
    disabledRegions: z.array(regionName).default([]),
    /** The organization, and every unit above it, that the account belongs to. */
    memberOf: z.array(organizationArn).default([]),
  })
  .transform(({ disabledRegions, memberOf, ...regions }, context) => {
    const parsed: Record<string, z.output<typeof region>> = {};
    for (const [name, value] of Object.entries(regions)) {
      if (!isRegion(name)) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is neither a region nor disabledRegions nor memberOf',
        });
        continue;
      }
      if (disabledRegions.includes(name))
        context.addIssue({ code: 'custom', path: [name], message: 'is among the disabledRegions' });
      const result = region.safeParse(value ?? {});
      if (result.success) parsed[name] = result.data;
      else
        for (const issue of result.error.issues)
          context.addIssue({ code: 'custom', path: [name, ...issue.path], message: issue.message });
    }
    return { disabledRegions, memberOf, regions: parsed };
  });

const range = z
  .tuple([z.number().min(0), z.number().min(0)])
  .refine(([low, high]) => low <= high, 'must be [least, most]');

const seed = z.strictObject({
  seed: z.number().int().default(1),
  copySeconds: range.default([20, 90]),
  /** How long a write may stay unseen: EC2 is eventually consistent. */
  consistencySeconds: range.default([0, 4]),
  accounts: z.record(
    accountId,
    account.nullable().transform((value) => value ?? { disabledRegions: [], memberOf: [], regions: {} }),
  ),
  roles: z
    .array(
      z.strictObject({
        arn: z.string().regex(/^arn:aws:iam::\d{12}:role\/.+$/, 'must be the ARN of a role'),
        externalId: z.string().min(2).max(1224).optional(),
        /** Accounts that may assume it; left out: all of them. */
        trusts: z.array(accountId).optional(),
      }),
    )
    .default([]),
  /** What IAM refuses; everything else is allowed. */
  denied: z.array(denial).default([]),
  quotas: z
    .strictObject({
      /** Images in an account and region, whatever their state, those in the Recycle Bin included. */
      images: z.number().int().min(1).default(50_000),
      copiesInFlight: z.number().int().min(1).default(300),
      publicImages: z.number().int().min(0).default(5),
    })
    .prefault({}),
});

/** The document that a simulated world starts from (section 5 of the design). */
export type Seed = z.output<typeof seed>;
export type SeedImage = z.output<typeof image>;

/** @throws Error that names every place where the document is wrong */
export function parseSeed(document: unknown): Seed {
  const result = seed.safeParse(document);
  if (!result.success) {
    const places = result.error.issues.map((issue) => {
      // What is wrong with a key is said one level down.
      const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
      return `${issue.path.map(String).join('.') || 'document'}: ${message}`;
    });
    throw new Error(`the seed cannot be used: ${places.join('; ')}`);
  }
  if (Object.keys(result.data.accounts).length === 0)
    throw new Error('the seed cannot be used: accounts: it must name at least one');
  return result.data;
}
