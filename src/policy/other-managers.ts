import type { Tags } from './model.ts';

/** A mark by which another manager knows what is its own. */
interface Mark {
  readonly manager: string;
  readonly key: RegExp;
  /** Left out: any value. */
  readonly value?: RegExp;
}

/**
 * What the common managers of images write on them. Tags that begin with `aws:` only AWS itself can write. Terraform and
 * its like write nothing by themselves: for them stand the tags that people use by convention.
 */
const MARKS: readonly Mark[] = [
  { manager: 'EC2 Image Builder', key: /^CreatedBy$/, value: /^EC2 Image Builder$/i },
  { manager: 'EC2 Image Builder', key: /^Ec2ImageBuilderArn$/ },
  { manager: 'EC2 Image Builder', key: /^(aws:)?imagebuilder[:/]/i },
  { manager: 'Data Lifecycle Manager', key: /^(aws:)?dlm:/ },
  { manager: 'AWS Backup', key: /^aws:backup:/ },
  { manager: 'CloudFormation', key: /^aws:cloudformation:/ },
  { manager: 'Service Catalog', key: /^aws:servicecatalog:/ },
  { manager: 'Karpenter', key: /^karpenter\./ },
  { manager: 'Cluster Autoscaler', key: /^k8s\.io\/cluster-autoscaler\// },
  { manager: 'a Kubernetes cluster', key: /^kubernetes\.io\/cluster\//, value: /^owned$/ },
  { manager: 'Cluster API', key: /^sigs\.k8s\.io\/cluster-api-provider-aws\/cluster\//, value: /^owned$/ },
  { manager: 'Terraform', key: /^(managed[-_]?by|created[-_]?by|provisioner)$/i, value: /^(hashicorp )?terraform$/i },
  { manager: 'Terraform', key: /^terraform$/i, value: /^(true|yes)$/i },
  { manager: 'OpenTofu', key: /^(managed[-_]?by|created[-_]?by|provisioner)$/i, value: /^(open)?tofu$/i },
  { manager: 'Pulumi', key: /^pulumi:/i },
  { manager: 'Pulumi', key: /^(managed[-_]?by|created[-_]?by|provisioner)$/i, value: /^pulumi$/i },
];

/** Texts that AWS Backup gives to what it makes; it refuses every change of it by others (ec2-facts 8.2). */
const BACKUP = /^This (image|snapshot) is created by the AWS Backup service/;

/** The manager that a tag is the mark of. */
export function managerIn(key: string, value: string): string | undefined {
  return MARKS.find((mark) => mark.key.test(key) && (mark.value?.test(value) ?? true))?.manager;
}

/**
 * Who manages an image or a snapshot, by its marks; undefined: nobody that is known. On a source image marks are normal,
 * and it is copied and shared all the same. On what would have to be changed or removed they mean hands off.
 * @param written tags that the policy itself asks for (`tags.add`): they are no marks of others
 */
export function managerOf(
  { tags, description = '' }: { readonly tags: Tags; readonly description?: string },
  written: Tags = {},
): string | undefined {
  if (BACKUP.test(description)) return 'AWS Backup';
  for (const key of Object.keys(tags).toSorted()) {
    const manager = written[key] === tags[key] ? undefined : managerIn(key, tags[key] ?? '');
    if (manager !== undefined) return manager;
  }
  return undefined;
}
