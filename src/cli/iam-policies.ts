import { GRANTS, type Grant, PERMISSIONS, type Sid } from './iam-permissions.ts';

interface IamStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal?: Readonly<Record<string, string>>;
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
  readonly Condition?: Grant['condition'];
}

export interface IamPolicy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly IamStatement[];
}

/** The policies that are offered, by name, with what each is for. */
export const IAM_POLICIES = {
  controller: 'for the identity of the controller: lets it assume the role amifleet of any account',
  account: 'for the role in an account: everything that amifleet does there',
  'account-public': 'in addition, for the role in an account whose AwsAccount allows Public: images are made public',
  'account-retire-sources':
    'in addition, for the role in an account whose AwsAccount allows RetireSources: claimed source images are retired',
  'account-adopt':
    'in addition, for the role in an account where policies say adoption: Matching: copies that others made are taken over',
  'account-read-only': 'for the role in an account whose AwsAccount says readOnly: observe and plan',
  trust: 'the trust policy of the role in an account: who may assume it. Put in your own principal and external id',
} as const;

export type IamPolicyName = keyof typeof IAM_POLICIES;

/** @param partition aws, aws-cn or aws-us-gov */
export const iamPolicy = (name: IamPolicyName, partition: string): IamPolicy => MAKE[name](partition);

const MAKE: Readonly<Record<IamPolicyName, (partition: string) => IamPolicy>> = {
  controller: (partition) => policyOf(['identity'], partition),
  account: (partition) => policyOf(['read', 'write'], partition),
  'account-public': (partition) => policyOf(['public'], partition),
  'account-retire-sources': (partition) => policyOf(['retireSources'], partition),
  'account-adopt': (partition) => policyOf(['adopt'], partition),
  'account-read-only': (partition) => policyOf(['read'], partition),
  trust: (partition) => trustPolicy(partition),
};

function policyOf(kinds: readonly Grant['kind'][], partition: string): IamPolicy {
  const statements = (Object.entries(GRANTS) as [Sid, Grant][]).filter(([, { kind }]) => kinds.includes(kind));
  return {
    Version: '2012-10-17',
    Statement: statements.map(([sid, { resources, condition }]) => ({
      Sid: sid,
      Effect: 'Allow',
      Action: [...new Set(Object.values(PERMISSIONS).flatMap((grants) => grants[sid] ?? []))].sort(),
      Resource: resources.map((arn) => inPartition(arn, partition)),
      ...(condition && { Condition: condition }),
    })),
  };
}

/** The external id keeps others, for whom the same controller may work, from naming this role. */
const trustPolicy = (partition: string): IamPolicy => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'AssumedByAmifleet',
      Effect: 'Allow',
      Principal: { AWS: inPartition('arn:aws:iam::111122223333:role/amifleet-controller', partition) },
      Action: ['sts:AssumeRole'],
      Condition: { StringEquals: { 'sts:ExternalId': 'amifleet-prod' } },
    },
  ],
});

const inPartition = (arn: string, partition: string): string => arn.replace(/^arn:aws:/, `arn:${partition}:`);
