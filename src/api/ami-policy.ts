import { z } from 'zod';
import { accountId, imageId, mapBy, regionName, setOf, tagKey, tagValue, whole, withRules } from './fields.ts';
import { policyStatus } from './policy-status.ts';

const ARCHITECTURES = ['i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac'] as const;

const KMS_KEY =
  /^(alias\/[a-zA-Z0-9/_-]+|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:(alias\/[a-zA-Z0-9/_-]+|key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})))$/;

const region = z
  .object({
    name: regionName('The region, for example eu-west-1. It must be enabled in the account.'),
    kmsKeyId: z
      .string()
      .max(2048)
      .regex(KMS_KEY)
      .meta({
        description:
          'The KMS key that the snapshots there are encrypted with: a key id, alias/NAME, or the ARN of either. Ids and aliases are those of the account that owns the copies. Copies under another key are replaced. Default: as EC2 does by itself.',
      })
      .optional(),
  })
  .meta({ description: 'A region that must hold a copy of each wanted version.' });

const immutable = (what: string): { rule: string; message: string } => ({
  rule: 'self == oldSelf',
  message: `${what} must not change: create another policy for another source`,
});

const imageSelector = withRules(
  z.object({
    names: setOf(
      z.string().min(1).max(128),
      50,
      'Image names, one of which must match. `*` stands for any characters, `?` for none or one, `\\` takes the next character as it is (the rules of EC2 filters).',
    ).optional(),
    tags: z
      .record(tagKey('A tag key.'), tagValue())
      .meta({ description: 'Tags that the image must carry, each with exactly this value.', maxProperties: 20 })
      .optional(),
    ids: setOf(
      imageId('An image id.'),
      100,
      'Image ids, one of which must match. Only an id that is listed here lets a copy made by a policy be a source itself.',
    ).optional(),
    architectures: setOf(z.enum(ARCHITECTURES), 5, 'Architectures, one of which must match.').optional(),
    owner: withRules(
      z
        .string()
        .max(12)
        .regex(/^(self|[0-9]{12})$/)
        .default('self')
        .meta({
          description:
            'Who must own the image. `self`: the source account. The id of another account: an image that is shared with the source account, where each wanted version is copied first; whoever owns that account decides what is in your images. It cannot be changed later.',
        }),
      immutable('source.images.owner'),
    ),
    exclude: setOf(
      z.string().min(1).max(128),
      100,
      'Ids or exact names of source images that must not be used. A version that has copies is withdrawn by this, also after its source is gone.',
    ).optional(),
  }),
  {
    rule: 'has(self.names) || has(self.tags) || has(self.ids) || has(self.architectures)',
    message: 'must hold at least one of names, tags, ids and architectures',
  },
  {
    rule: "!has(self.owner) || self.owner == 'self' || has(self.names) || has(self.ids)",
    message: 'must hold names or ids where owner is another account: not everything that it shares is looked through',
  },
  {
    rule: '!has(self.tags) || self.tags.all(k, size(k) >= 1 && size(k) <= 128)',
    message: 'tag keys must be 1 to 128 characters long',
  },
).meta({
  description: 'Which images are sources. Every criterion that is given must match; at least one must be given.',
});

const source = z
  .object({
    account: withRules(
      accountId('The account that owns the source images. It cannot be changed later.'),
      immutable('source.account'),
    ),
    region: withRules(
      regionName('The region in which the source images are. It cannot be changed later.'),
      immutable('source.region'),
    ),
    images: imageSelector,
    groupBy: setOf(
      tagKey('A tag key.'),
      5,
      'Tag keys. Images of the same architecture that have the same values of these tags are one family: versions that replace each other. Default: none, so that a family is an architecture.',
    ).optional(),
    newest: whole(
      1,
      1000,
      'How many versions of each family are wanted everywhere, newest first by the date of the source image. Default: retention.keepNewest, or 1 without retention.',
    ).optional(),
  })
  .meta({ description: 'Where the images come from.' });

const account = z.object({
  id: accountId(
    'The account that gets copies of its own. An AwsAccount of this name must allow the namespace of the policy.',
  ),
  regions: mapBy('name', region, 40, 'Where in this account. Default: spec.regions.').optional(),
  share: z.boolean().meta({ description: 'Share these copies as spec.sharing says, too. Default: false.' }).optional(),
});

const tags = withRules(
  z.object({
    fromSource: z.enum(['All', 'None']).default('All').meta({
      description:
        'Which tags of the source image its copies and their snapshots get. Never taken over: amifleet.io/*, aws:* and the marks of other managers.',
    }),
    exclude: setOf(tagKey('A tag key.'), 50, 'Keys of tags that are not taken over from the source.').optional(),
    shared: setOf(
      tagKey('A tag key.'),
      20,
      'Keys of tags that copies also carry as ec2:SharedTag/KEY, which everybody they are shared with can read. Put no secrets there. A key that is taken out of this list stays where it was written.',
    ).optional(),
    add: z
      .record(tagKey('A tag key.'), tagValue())
      .meta({
        description:
          'Tags that copies and their snapshots get beside those of the source. The same key here wins over the source. A tag that is taken out of this list stays where it was written.',
        maxProperties: 40,
      })
      .optional(),
  }),
  {
    rule: "!has(self.add) || self.add.all(k, size(k) >= 1 && size(k) <= 128 && !k.startsWith('aws:') && !k.startsWith('amifleet.io/'))",
    message: 'tag keys must be 1 to 128 characters long and must not start with aws: or amifleet.io/',
    fieldPath: '.add',
  },
).meta({ description: 'Tags of the copies and of their snapshots. Absent: all tags of the source.' });

const ARN = 'arn:aws(-[a-z]+)*:organizations::[0-9]{12}:';

const sharing = withRules(
  z.object({
    accounts: setOf(
      accountId('An account id.'),
      1000,
      'Accounts that may launch the images. The account that owns an image may always launch it and is passed over here.',
      0,
    ).optional(),
    organizations: setOf(
      z
        .string()
        .max(128)
        .regex(new RegExp(`^${ARN}organization/o-[a-z0-9]+$`)),
      50,
      'Organisations, as full ARNs (arn:aws:organizations::<management account>:organization/o-…), whose accounts may launch the images.',
      0,
    ).optional(),
    organizationalUnits: setOf(
      z
        .string()
        .max(160)
        .regex(new RegExp(`^${ARN}ou/o-[a-z0-9]+/ou-[a-z0-9]+-[a-z0-9]+$`)),
      500,
      'Organisational units, as full ARNs (arn:aws:organizations::<management account>:ou/o-…/ou-…), whose accounts, nested units included, may launch the images.',
      0,
    ).optional(),
    public: z.boolean().default(false).meta({
      description:
        'Everybody may launch the images. The AwsAccount must allow it (`Public`), block public access for AMIs must be off in the region, and nothing may be encrypted. Default false.',
    }),
    snapshots: z.enum(['Unmanaged', 'Accounts']).default('Unmanaged').meta({
      description:
        'Who may create volumes from the snapshots of the shared images, and so copy them. `Unmanaged`: not touched. `Accounts`: exactly the accounts that are listed here; EBS cannot share with organisations and units.',
    }),
    unlistedGrants: z
      .enum(['Revoke', 'Keep'])
      .default('Revoke')
      .meta({ description: 'What becomes of launch permissions that are not listed here: taken back, or left alone.' }),
  }),
  {
    rule: '(has(self.accounts) ? size(self.accounts) : 0) + (has(self.organizations) ? size(self.organizations) : 0) + (has(self.organizationalUnits) ? size(self.organizationalUnits) : 0) <= 1000',
    message:
      'must name at most 1000 accounts, organizations and organizationalUnits together (the quota of EC2 for one image)',
  },
).meta({
  description:
    'Who may launch the images in the source account. Absent: launch permissions are not managed. Present: it is the whole truth, so an empty object means nobody.',
});

const ordered = (earlier: string, later: string): { rule: string; message: string; fieldPath: string } => ({
  rule: `!has(self.${earlier}) || !has(self.${later}) || self.${earlier} <= self.${later}`,
  message: `${earlier} must not be more than ${later}: the stages follow each other`,
  fieldPath: `.${earlier}`,
});

const retention = withRules(
  z.object({
    keepNewest: whole(
      1,
      1000,
      'How many versions of each family are kept in each target, counting only those that are ready there. Default 1.',
    ).default(1),
    keepDays: whole(
      0,
      3650,
      'Versions younger than this many days, by the date of the source image, are kept too.',
    ).optional(),
    deprecateAfterDays: whole(
      0,
      3650,
      'Days after a version was marked surplus (tag amifleet.io/surplus-since) until its copies are deprecated, which hides them from other accounts and stops nobody. Left out: nothing is deprecated.',
    ).optional(),
    disableAfterDays: whole(
      0,
      3650,
      'Days after a version was marked surplus until its copies are disabled, so that nobody can launch them; they can be enabled again. Left out: nothing is disabled.',
    ).optional(),
    deleteAfterDays: whole(
      0,
      3650,
      'Days after a version was marked surplus (tag amifleet.io/surplus-since) until its copies are deleted. Left out: nothing is deleted.',
    ).optional(),
    inUse: z.enum(['Protect', 'Ignore']).default('Protect').meta({
      description:
        '`Protect`: what is in use, or may be, is neither disabled nor deleted. `Ignore` does so all the same, and is refused unless the controller was started with --allow-ignore-in-use.',
    }),
    minUnusedDays: whole(
      0,
      3650,
      'An image that was launched within this many days counts as used. Unless this is 0, one that is not a day old is kept: EC2 tells of launches up to a day late. Default 30.',
    ).default(30),
    scope: z.enum(['Copies', 'CopiesAndSource']).default('Copies').meta({
      description:
        'What may be retired. `Copies`: only images that this controller made. `CopiesAndSource`: the source images of surplus versions as well, by the same stages and proofs, where the AwsAccount allows RetireSources.',
    }),
    snapshots: z
      .enum(['Delete', 'Keep'])
      .default('Delete')
      .meta({ description: 'What becomes of the snapshots of an image after it is deleted.' }),
    maxDeletionsPerDay: whole(
      0,
      1000,
      'How many versions may be deleted in one day (UTC) because of this policy. Default 10. 0 stops all deletions.',
    ).default(10),
  }),
  ordered('deprecateAfterDays', 'disableAfterDays'),
  ordered('disableAfterDays', 'deleteAfterDays'),
  ordered('deprecateAfterDays', 'deleteAfterDays'),
).meta({ description: 'How long versions are kept. Absent: nothing is ever retired.' });

const publish = withRules(
  z.object({
    ssmParameter: z
      .string()
      .max(512)
      .regex(/^\/[^\s]+$/)
      .meta({
        description:
          'The name of the parameter, in every target, with {KEY} for the values of the source.groupBy tags and {architecture}: /ami/{app}/{architecture}. Its data type is aws:ec2:image.',
      }),
    gate: z.enum(['All', 'Target']).default('All').meta({
      description:
        'When a parameter moves: `All`, when the version is copied, tagged and shared in every target; `Target`, each target by itself.',
    }),
    pin: setOf(
      z.string().min(1).max(128),
      100,
      'Ids or exact names of source images that are wanted, and published in place of the newest of their families: the way back.',
    ).optional(),
  }),
  {
    rule: "!self.ssmParameter.startsWith('/aws') && !self.ssmParameter.startsWith('/ssm')",
    message: 'the name must not begin with /aws or /ssm, which belong to AWS',
    fieldPath: '.ssmParameter',
  },
).meta({
  description:
    'A parameter of SSM Parameter Store in every target that points at the newest version of each family. Absent: nothing is published.',
});

const spec = withRules(
  z.object({
    suspend: z.boolean().default(false).meta({
      description:
        'Stops all work on this policy. Only its deletion and the taking back of temporary grants go on. Default false.',
    }),
    mode: z.enum(['Apply', 'Plan']).default('Apply').meta({
      description: '`Plan` publishes in status what would be done, with reasons, and changes nothing in AWS.',
    }),
    source,
    regions: mapBy(
      'name',
      region,
      40,
      'Where each wanted version must exist in the source account. Where the own region of the source is listed, the source image itself is the image.',
    ),
    accounts: mapBy('id', account, 200, 'Other accounts that own copies of their own.').optional(),
    accountSelector: withRules(
      z.object({
        matchLabels: z.record(z.string(), z.string().max(63)).meta({
          description: 'Labels that the AwsAccount must have, each with exactly this value.',
          minProperties: 1,
          maxProperties: 10,
        }),
      }),
      {
        rule: 'self.matchLabels.all(k, size(k) >= 1 && size(k) <= 317)',
        message: 'label keys must be 1 to 317 characters long',
        fieldPath: '.matchLabels',
      },
    )
      .meta({
        description:
          'More accounts that get copies of their own, in spec.regions: those whose AwsAccount has these labels and allows the namespace. In an account that loses a label all work stops, and its copies stay as they are.',
      })
      .optional(),
    tags: tags.optional(),
    sharing: sharing.optional(),
    retention: retention.optional(),
    publish: publish.optional(),
    protection: z.boolean().default(false).meta({
      description:
        'Deregistration protection on the copies of wanted versions. It is taken off again when a version is no longer wanted. Protection that somebody else has switched on keeps an image. Default false.',
    }),
    adoption: z.enum(['None', 'Matching']).default('None').meta({
      description:
        '`Matching`: where a wanted version has no copy, one that somebody else made of the same source image is taken over instead of making another: EC2 must say that it was made from it, it must be ready, under the key that is asked for, and without the mark of another manager. A parameter named as publish says is taken over as well. What is taken over is retired by the same rules as any copy. Default `None`: what others made is left alone.',
    }),
    deletionPolicy: z.enum(['Retain', 'Delete']).default('Retain').meta({
      description:
        'What becomes of the copies when this object is deleted. `Retain`: nothing in AWS changes. `Delete`: copies that are proven unused are deleted, never sources; what is in use keeps the object from going (DeletionBlocked).',
    }),
  }),
  {
    rule: '!has(self.accounts) || self.accounts.all(a, a.id != self.source.account)',
    message: 'accounts must not list the source account: its regions belong in spec.regions',
    fieldPath: '.accounts',
  },
  {
    rule: '!has(self.sharing) || !has(self.sharing.public) || !self.sharing.public || (self.regions.all(r, !has(r.kmsKeyId)) && (!has(self.accounts) || self.accounts.all(a, !has(a.regions) || a.regions.all(r, !has(r.kmsKeyId)))))',
    message: 'with sharing.public no region must have a kmsKeyId: what is encrypted cannot be public',
    fieldPath: '.sharing',
  },
  {
    rule: "!has(self.publish) || !has(self.source.groupBy) || self.source.groupBy.all(k, self.publish.ssmParameter.contains('{' + k + '}'))",
    message:
      'publish.ssmParameter must hold {KEY} for every key of source.groupBy: each family needs a name of its own',
    fieldPath: '.publish',
  },
  {
    rule: "!has(self.publish) || self.publish.ssmParameter.contains('{architecture}') || (has(self.source.images.architectures) && size(self.source.images.architectures) == 1)",
    message: 'publish.ssmParameter must hold {architecture} unless source.images.architectures selects exactly one',
    fieldPath: '.publish',
  },
  {
    rule: "!has(self.retention) || !has(self.retention.scope) || self.retention.scope == 'Copies' || !has(self.source.images.owner) || self.source.images.owner == 'self'",
    message: 'scope: CopiesAndSource needs source.images.owner self: images of another account are not ours to retire',
    fieldPath: '.retention.scope',
  },
  {
    rule: '!has(self.accounts) || has(self.sharing) || self.accounts.all(a, !has(a.share) || !a.share)',
    message: 'share: true needs spec.sharing, which says with whom',
    fieldPath: '.accounts',
  },
).meta({ description: 'What must be true in AWS.' });

/** What Kubernetes keeps about every object, as far as this project reads it. */
const objectMeta = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  generation: z.number().optional(),
  resourceVersion: z.string().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

/** The `AmiPolicy` kind: the one source of its types, its CRD, its documentation. */
export const amiPolicy = withRules(z.object({ spec, status: policyStatus.optional() }), {
  rule: 'size(self.metadata.name) <= 63',
  message: 'metadata.name must be at most 63 characters long: it becomes part of tag values',
}).meta({
  description:
    'An AmiPolicy says in which regions and accounts images must exist, who may launch them and how long they are kept.',
});

export type ObjectMeta = z.output<typeof objectMeta>;
/** The spec as users write it: fields with a default may be absent. */
export type AmiPolicySpecInput = z.input<typeof spec>;
/** The spec with its defaults filled in. */
export type AmiPolicySpec = z.output<typeof spec>;
export interface AmiPolicy {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: AmiPolicySpec;
  readonly status?: z.output<typeof policyStatus> | undefined;
}

export const amiPolicySpec = spec;
