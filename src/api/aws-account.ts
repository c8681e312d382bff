import { z } from 'zod';
import { accountStatus } from './account-status.ts';
import type { ObjectMeta } from './ami-policy.ts';
import { setOf, withRules } from './fields.ts';

const spec = z
  .object({
    roleArn: z
      .string()
      .max(2048)
      .regex(/^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role\/[\w+=,.@/-]+$/)
      .meta({
        description:
          'The role to assume for this account. Omitted: the own identity of the controller, which must then be in this account.',
      })
      .optional(),
    externalId: z
      .string()
      .min(2)
      .max(1224)
      .regex(/^[\w+=,.@:/-]+$/)
      .meta({ description: 'The external id that the trust policy of the role asks for.' })
      .optional(),
    namespaces: setOf(
      z
        .string()
        .max(63)
        .regex(/^(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/),
      500,
      'Namespaces whose policies may use this account; "*" for all. Omitted or empty: none.',
      0,
    ).optional(),
    allow: setOf(
      z.enum(['Public', 'RetireSources', 'SkipRecycleBin']),
      3,
      'What policies may do here only where it is listed. `Public`: let everybody launch an image. `RetireSources`: deprecate, disable and delete source images. `SkipRecycleBin`: delete a copy and its snapshots in one call, so that what the Recycle Bin keeps of it cannot be restored. Omitted or empty: none of them.',
      0,
    ).optional(),
    readOnly: z
      .boolean()
      .default(false)
      .meta({ description: 'Observe and plan in this account, and change nothing. Default false.' }),
  })
  .meta({ description: 'How to reach the account, and who may use it.' });

/** The `AwsAccount` kind. Cluster-scoped: cluster administrators decide which namespaces may use which account. */
export const awsAccount = withRules(
  z.object({ spec, status: accountStatus.optional() }),
  {
    rule: "self.metadata.name.matches('^[0-9]{12}$')",
    message: 'metadata.name must be the 12-digit account id',
  },
  {
    // Not `contains`: with a metadata.name of unknown length the API server estimates its cost above the budget.
    rule: "!has(self.spec.roleArn) || self.spec.roleArn.split(':').exists(part, part == self.metadata.name)",
    message: 'spec.roleArn must be a role of the account that metadata.name names',
  },
).meta({
  description:
    'An AwsAccount lets policies of some namespaces use an AWS account, and says how to reach it. Its name is the account id.',
});

export const awsAccountSpec = spec;
type AwsAccountSpec = z.output<typeof spec>;
export interface AwsAccount {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: AwsAccountSpec;
  readonly status?: z.output<typeof accountStatus> | undefined;
}
