import type { z } from 'zod';
import { amiPolicy } from './ami-policy.ts';
import { awsAccount } from './aws-account.ts';
import { AMI_POLICY, AWS_ACCOUNT, GROUP, type KindNames, VERSION } from './group.ts';
import { type StructuralSchema, structural } from './structural.ts';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly jsonPath: string;
  readonly description?: string;
  /** Columns of a priority above 0 appear only with `-o wide`. */
  readonly priority?: number;
}

/** A CustomResourceDefinition, as far as ours go. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced' | 'Cluster';
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: StructuralSchema };
      readonly subresources: { readonly status: Record<string, never> };
      readonly additionalPrinterColumns: readonly PrinterColumn[];
    }[];
  };
}

const condition = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const POLICY_COLUMNS: readonly PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status'), description: 'Is everything as declared?' },
  { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason'), description: 'If not, why.' },
  {
    name: 'Versions',
    type: 'integer',
    jsonPath: '.status.versionCount',
    description: 'Versions wanted or still there.',
  },
  {
    name: 'Targets',
    type: 'string',
    jsonPath: '.status.targetsReady',
    description: 'Targets that are complete, of all.',
  },
  { name: 'Pending', type: 'integer', jsonPath: '.status.pendingCopies', description: 'Copies due or under way.' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1 },
  { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend', priority: 1 },
  { name: 'Deletion', type: 'string', jsonPath: '.spec.deletionPolicy', priority: 1 },
  { name: 'Message', type: 'string', jsonPath: condition('Ready', 'message'), priority: 1 },
];

const ACCOUNT_COLUMNS: readonly PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status'), description: 'Can it be used?' },
  { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason'), description: 'If not, why.' },
  { name: 'Regions', type: 'integer', jsonPath: '.status.regionCount', description: 'Regions that it has enabled.' },
  { name: 'Images', type: 'integer', jsonPath: '.status.images', description: 'Copies of this cluster in it.' },
  {
    name: 'Role',
    type: 'string',
    jsonPath: '.spec.roleArn',
    description: 'Empty: the own identity of the controller.',
    priority: 1,
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Namespaces', type: 'string', jsonPath: '.spec.namespaces', description: 'Who may use it.', priority: 1 },
  { name: 'ReadOnly', type: 'boolean', jsonPath: '.spec.readOnly', priority: 1 },
  { name: 'Message', type: 'string', jsonPath: condition('Ready', 'message'), priority: 1 },
];

/** Both CustomResourceDefinitions, made from the zod schemas. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return [definition(AMI_POLICY, amiPolicy, POLICY_COLUMNS), definition(AWS_ACCOUNT, awsAccount, ACCOUNT_COLUMNS)];
}

function definition(names: KindNames, schema: z.ZodType, columns: readonly PrinterColumn[]): CustomResourceDefinition {
  const root = structural(schema);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: names.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: names.kind,
        listKind: names.listKind,
        plural: names.plural,
        singular: names.singular,
        shortNames: names.shortNames,
        categories: ['amifleet'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              ...root,
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                ...root.properties,
              },
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}
