import { readFileSync } from 'node:fs';
import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { type Documents, readDocuments } from '../api/documents.ts';
import { API_VERSION, AWS_ACCOUNT } from '../api/group.ts';
import { grantFor } from '../controller/access.ts';
import { type Engine } from '../controller/engine.ts';
import { type Hooks, type Result, reconcile } from '../controller/reconcile.ts';
import { FILE_CLUSTER, fileUid, type Owner } from '../policy/identity.ts';
import { targetsOf } from '../policy/standing.ts';

/** A policy of a file with everything that a pass over it needs, beside the engine. */
export interface FilePolicy {
  readonly policy: AmiPolicy;
  readonly owner: Owner;
  readonly accounts: ReadonlyMap<string, AwsAccount>;
}

/** @throws Error when the file cannot be read; InvalidDocuments when it cannot be used */
export function readPolicyFile(path: string): Documents {
  const text = readFileSync(path === '-' ? 0 : path, 'utf8');
  return readDocuments(text, path === '-' ? 'standard input' : path);
}

/**
 * The policies of a file. Without a cluster the person's own credentials are the permission: an AwsAccount in the file
 * says how to reach an account, and an account without one is reached with the own identity.
 */
export function filePolicies(documents: Documents): FilePolicy[] {
  return documents.policies.map((policy) => {
    const { name, namespace = '' } = policy.metadata;
    const { account, region } = policy.spec.source;
    const source = { account, region };
    const uid = fileUid(source, namespace, name);
    const given = new Map(documents.accounts.map((each) => [each.metadata.name, each]));
    const ids = new Set([account, ...targetsOf(policy.spec).map((target) => target.account)]);
    return {
      policy: { ...policy, metadata: { ...policy.metadata, uid, generation: 1 } },
      owner: { cluster: FILE_CLUSTER, namespace, name, uid, source },
      accounts: new Map([...ids].map((id) => [id, withEveryNamespace(id, given.get(id))])),
    };
  });
}

function withEveryNamespace(id: string, given: AwsAccount | undefined): AwsAccount {
  return {
    apiVersion: API_VERSION,
    kind: AWS_ACCOUNT.kind,
    metadata: { name: id },
    spec: { ...(given?.spec ?? { readOnly: false }), namespaces: ['*'] },
  };
}

/** Looks for targets that the policy no longer names but still has copies in. */
export async function sweepFor(
  engine: Engine,
  { policy, accounts, owner }: FilePolicy,
  stop: AbortSignal,
): Promise<void> {
  const ids = new Set([owner.source.account, ...targetsOf(policy.spec).map(({ account }) => account)]);
  await Promise.all(
    [...ids].map(async (id) => {
      const grant = grantFor(id, owner.namespace, accounts, false);
      if (grant.kind === 'granted' && engine.sweep.isDue(id))
        await engine.sweep.account(grant.access, { signal: stop });
    }),
  );
}

/** One pass over a policy of a file. `act` false: only the plan. */
export async function filePass(
  engine: Engine,
  file: FilePolicy,
  act: boolean,
  options: {
    readonly deleted: Set<string>;
    readonly others: readonly FilePolicy[];
    readonly acted?: Hooks['acted'];
    readonly stop: AbortSignal;
  },
): Promise<Result> {
  const mode = act ? file.policy.spec.mode : 'Plan';
  const now = engine.clock.monotonic();
  return await reconcile(
    engine,
    {
      ...file,
      policy: { ...file.policy, spec: { ...file.policy.spec, mode } },
      rivals: options.others
        .filter(({ owner }) => owner.uid !== file.owner.uid)
        .map(({ owner, policy }) => ({ owner, spec: policy.spec, createdAt: 0 })),
      deletedToday: options.deleted,
      readOnly: false,
      fresh: { listing: now - 1000, grants: now - 1000, evidence: now },
    },
    {
      beforeActing: () => Promise.resolve(),
      beforeDeleting: (versions) => {
        for (const version of versions) options.deleted.add(version);
        return Promise.resolve();
      },
      confirm: () => Promise.resolve(undefined),
      ...(options.acted && { acted: options.acted }),
      stop: options.stop,
    },
  );
}
