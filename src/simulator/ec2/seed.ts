import { z } from 'zod';

const accountId = z.string().regex(/^\d{12}$/, 'must be a 12-digit account id, in quotes');
const days = z.number().min(0);

const image = z.strictObject({
  id: z
    .string()
    .regex(/^ami-[0-9a-f]{8,17}$/)
    .optional(),
  name: z.string().min(1).max(128),
  description: z.string().optional(),
  ageDays: days.default(1),
  architecture: z.enum(['i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac']).default('x86_64'),
  tags: z.record(z.string(), z.string()).default({}),
  volumesGiB: z.array(z.number().int().min(1)).min(1).default([8]),
  encrypted: z.boolean().default(false),
  kmsKeyId: z.string().optional(),
  state: z.enum(['pending', 'available', 'failed', 'disabled']).default('available'),
  launchPermissions: z
    .strictObject({
      accounts: z.array(accountId).default([]),
      organizations: z.array(z.string()).default([]),
      organizationalUnits: z.array(z.string()).default([]),
      public: z.boolean().default(false),
    })
    .optional(),
  lastLaunchedDays: days.optional(),
  deregistrationProtection: z.boolean().default(false),
  productCodes: z.array(z.string()).default([]),
});

const region = z.strictObject({
  defaultEncryption: z.strictObject({ enabled: z.boolean(), kmsKeyId: z.string().optional() }).optional(),
  images: z.array(image).default([]),
  instances: z
    .array(z.strictObject({ image: z.string(), tags: z.record(z.string(), z.string()).default({}) }))
    .default([]),
  launchTemplates: z.array(z.strictObject({ name: z.string(), image: z.string() })).default([]),
  keys: z
    .array(z.strictObject({ alias: z.string().regex(/^alias\//), grantsTo: z.array(accountId).default([]) }))
    .default([]),
  recycleBin: z.strictObject({ retentionDays: z.number().int().min(1).max(365) }).optional(),
});

const REGION_NAME = /^[a-z]{2}(-[a-z]+)+-\d$/;

const account = z
  .looseObject({ disabledRegions: z.array(z.string()).default([]) })
  .transform(({ disabledRegions, ...regions }, context) => {
    const parsed: Record<string, z.output<typeof region>> = {};
    for (const [name, value] of Object.entries(regions)) {
      const path = (issue: z.core.$ZodIssue): PropertyKey[] => [name, ...issue.path];
      if (!REGION_NAME.test(name)) {
        context.addIssue({ code: 'custom', path: [name], message: 'is neither a region nor disabledRegions' });
        continue;
      }
      const result = region.safeParse(value ?? {});
      if (result.success) parsed[name] = result.data;
      else
        for (const issue of result.error.issues)
          context.addIssue({ code: 'custom', path: path(issue), message: issue.message });
    }
    return { disabledRegions, regions: parsed };
  });

const seed = z.strictObject({
  seed: z.number().int().default(1),
  copySeconds: z.tuple([z.number().min(0), z.number().min(0)]).default([20, 90]),
  /** How long a write may stay unseen: EC2 is eventually consistent. */
  consistencySeconds: z.tuple([z.number().min(0), z.number().min(0)]).default([0, 4]),
  accounts: z.record(
    accountId,
    account.nullable().transform((value) => value ?? { disabledRegions: [], regions: {} }),
  ),
  roles: z
    .array(
      z.strictObject({
        arn: z.string().regex(/^arn:aws:iam::\d{12}:role\/.+$/),
        externalId: z.string().optional(),
        trusts: z.array(accountId).default([]),
      }),
    )
    .default([]),
});

/** The document that a simulated world starts from (section 5 of the design). */
export type Seed = z.output<typeof seed>;
export type SeedImage = z.output<typeof image>;

/** @throws Error that names every place where the document is wrong */
export function parseSeed(document: unknown): Seed {
  const result = seed.safeParse(document);
  if (!result.success) {
    const places = result.error.issues.map(
      ({ path, message }) => `${path.map(String).join('.') || 'document'}: ${message}`,
    );
    throw new Error(`the seed cannot be used: ${places.join('; ')}`);
  }
  if (Object.keys(result.data.accounts).length === 0)
    throw new Error('the seed cannot be used: accounts: it must name at least one');
  return result.data;
}
