import type { AwsAccount } from '../api/aws-account.ts';
import { toAccount } from '../api/documents.ts';
import type { AccountAccess } from '../aws/credentials.ts';
import type { Allowance } from '../policy/model.ts';
import { onceForEach } from '../policy/once-for-each.ts';
import type { KnownAccount } from '../policy/scope.ts';

/** Whether policies of a namespace may use an account, and how it is reached. */
export type Grant =
  | {
      readonly kind: 'granted';
      readonly access: AccountAccess;
      readonly readOnly: boolean;
      readonly allow: readonly Allowance[];
    }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/**
 * Step "resolve access". Every account that a policy touches needs an AwsAccount that names the policy's namespace; none
 * means no.
 * @param readOnly the controller runs with --read-only
 */
export function grantFor(
  account: string,
  namespace: string,
  accounts: ReadonlyMap<string, AwsAccount>,
  readOnly: boolean,
): Grant {
  const stored = accounts.get(account);
  if (!stored) {
    return {
      kind: 'refused',
      code: 'NoAwsAccount',
      message: `account ${account}: there is no AwsAccount ${account}. A cluster administrator creates one that lists namespace ${namespace} in spec.namespaces`,
    };
  }
  const object = readable(stored);
  if (!object) {
    return {
      kind: 'refused',
      code: 'InvalidAwsAccount',
      message: `account ${account}: AwsAccount ${account} does not fit this version of amifleet. A cluster administrator applies it again after updating the CRDs`,
    };
  }
  const { namespaces = [], roleArn, externalId } = object.spec;
  if (!namespaces.includes(namespace) && !namespaces.includes('*')) {
    return {
      kind: 'refused',
      code: 'NamespaceNotAllowed',
      message: `account ${account}: AwsAccount ${account} does not let namespace ${namespace} use it. A cluster administrator adds the namespace to spec.namespaces`,
    };
  }
  return {
    kind: 'granted',
    access: { account, ...(roleArn !== undefined && { roleArn }), ...(externalId !== undefined && { externalId }) },
    readOnly: readOnly || object.spec.readOnly,
    allow: object.spec.allow ?? [],
  };
}

/** The accounts that a policy of a namespace may be extended to by their labels. */
export function knownAccounts(namespace: string, accounts: ReadonlyMap<string, AwsAccount>): KnownAccount[] {
  return [...accounts.values()].map(({ metadata }) => ({
    id: metadata.name,
    labels: metadata.labels ?? {},
    usable: grantFor(metadata.name, namespace, accounts, false).kind === 'granted',
  }));
}

/** Undefined for one that was stored under another version of the CRD and does not fit any more. */
const readable = onceForEach((stored: AwsAccount): AwsAccount | undefined => {
  try {
    return toAccount(stored);
  } catch {
    return undefined;
  }
});
