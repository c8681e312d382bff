import { parseAllDocuments } from 'yaml';
import { type AmiPolicy, amiPolicySpec } from './ami-policy.ts';
import { type AwsAccount, awsAccountSpec } from './aws-account.ts';
import { type CustomResourceDefinition, customResourceDefinitions } from './crd.ts';
import { API_VERSION } from './group.ts';
import { metadataProblems } from './metadata.ts';
import { admit } from './validate.ts';

/** What a file says: the same documents that `kubectl apply` takes. */
export interface Documents {
  readonly policies: readonly AmiPolicy[];
  readonly accounts: readonly AwsAccount[];
}

/** A file that cannot be used. `problems` has one line for each thing that is wrong, with its place. */
export class InvalidDocuments extends Error {
  override readonly name = 'InvalidDocuments';
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    super(`${file} cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const definitions = new Map<string, CustomResourceDefinition>(
  customResourceDefinitions().map((definition) => [definition.spec.names.kind, definition]),
);

/**
 * Reads AmiPolicy and AwsAccount documents, checked by the schemas and rules of the CRDs; unlike the API server it also
 * refuses unknown fields, as `kubectl apply` does.
 * @param file a name for messages
 * @throws InvalidDocuments naming every problem of every document
 */
export function readDocuments(text: string, file: string): Documents {
  const problems: string[] = [];
  const policies: AmiPolicy[] = [];
  const accounts: AwsAccount[] = [];
  for (const [index, document] of parseAllDocuments(text, { prettyErrors: true }).entries()) {
    const where = `document ${index + 1}`;
    if (document.errors.length > 0) {
      problems.push(...document.errors.map((error) => `${where}: ${error.message.split('\n', 1)[0]}`));
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      // An alias without an anchor, or aliases that unfold into something huge.
      problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    if (value === null || value === undefined) continue;
    for (const item of itemsOf(value)) read(item, where, problems, policies, accounts);
  }
  for (const [name, group] of Map.groupBy(
    policies,
    (policy) => `${policy.metadata.namespace}/${policy.metadata.name}`,
  )) {
    if (group.length > 1) problems.push(`AmiPolicy ${name}: the file holds it ${group.length} times`);
  }
  for (const [name, group] of Map.groupBy(accounts, (account) => account.metadata.name)) {
    if (group.length > 1) problems.push(`AwsAccount ${name}: the file holds it ${group.length} times`);
  }
  if (problems.length === 0 && policies.length === 0) problems.push('it holds no AmiPolicy');
  if (problems.length > 0) throw new InvalidDocuments(file, problems);
  return { policies, accounts };
}

/** `kubectl get -o yaml` writes a List; its items count as documents. */
function itemsOf(value: unknown): readonly unknown[] {
  const list = value as { kind?: unknown; items?: unknown };
  return list.kind === 'List' && Array.isArray(list.items) ? list.items : [value];
}

function read(value: unknown, where: string, problems: string[], policies: AmiPolicy[], accounts: AwsAccount[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(
      `${where}: it is ${Array.isArray(value) ? 'a list' : 'plain text or a number'}, and no document of Kubernetes`,
    );
    return;
  }
  const { apiVersion, kind, metadata } = value as Partial<AmiPolicy>;
  const definition = definitions.get(kind ?? '');
  if (!definition) {
    problems.push(`${where}: kind must be AmiPolicy or AwsAccount, not ${JSON.stringify(kind)}`);
    return;
  }
  const label = `${kind} ${[metadata?.namespace, metadata?.name].filter(Boolean).join('/') || where}`;
  if (apiVersion !== API_VERSION) problems.push(`${label}: apiVersion must be ${API_VERSION}`);
  const wrong = metadataProblems(metadata, definition.spec.scope === 'Namespaced');
  if (wrong.length > 0) {
    problems.push(...wrong.map(({ field, message }) => `${label}: ${field}: ${message}`));
    return;
  }
  const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const admitted = admit(schema, value);
  problems.push(...admitted.unknown.map((field) => `${label}: ${field}: unknown field`));
  problems.push(
    ...admitted.errors.map((error) => `${label}: ${error.field}: ${error.message}${hintFor(error.message)}`),
  );
  if (admitted.errors.length > 0) return;
  if (kind === 'AmiPolicy') policies.push(toPolicy(admitted.value as AmiPolicy));
  else accounts.push(toAccount(admitted.value as AwsAccount));
}

/** The words of an error are those of the API server; what people do wrong most is said besides. */
const hintFor = (message: string): string =>
  /^must be of type string: "(integer|number|boolean)"$/.test(message) ? ': put it in quotes' : '';

/**
 * The typed policy of an object that the API server (or `admit`) has accepted, with every default filled in.
 * @throws zod's error where the object does not fit after all, as one stored under another version of the CRD may
 */
export function toPolicy(object: AmiPolicy): AmiPolicy {
  return { ...object, spec: amiPolicySpec.parse(object.spec) };
}

/** As `toPolicy`, for an AwsAccount. */
export function toAccount(object: AwsAccount): AwsAccount {
  return { ...object, spec: awsAccountSpec.parse(object.spec) };
}
