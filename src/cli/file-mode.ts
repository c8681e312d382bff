import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { type Documents, readDocuments } from '../api/documents.ts';
import { API_VERSION, AWS_ACCOUNT } from '../api/group.ts';
import { grantFor } from '../controller/access.ts';
import type { Engine } from '../controller/engine.ts';
import { type Hooks, type Result, reconcile } from '../controller/reconcile.ts';
import { FILE_CLUSTER, fileUid, type Owner } from '../policy/identity.ts';
import { targetsOf } from '../policy/standing.ts';

/** A policy of a file with everything that a pass over it needs, beside the engine. */
export interface FilePolicy {
  /** `namespace/name`. */
  readonly label: string;
  readonly policy: AmiPolicy;
  readonly owner: Owner;
  readonly accounts: ReadonlyMap<string, AwsAccount>;
}

/** One run of a command over a file. */
export interface FileRun {
  readonly path: string;
  readonly engine: Engine;
  readonly policies: readonly FilePolicy[];
  /** When the run began, monotonic milliseconds: permissions that were read since are good enough. */
  readonly begun: number;
  /** Versions whose deletion was begun in this run. */
  readonly deleted: Set<string>;
  readonly stop: AbortSignal;
}

/** Begins a run. @throws Error when the file cannot be read; InvalidDocuments when it cannot be used */
export function beginRun(path: string, engine: Engine, policies: readonly FilePolicy[], stop: AbortSignal): FileRun {
  return { path, engine, policies, begun: engine.clock.monotonic(), deleted: new Set(), stop };
}

/** @throws Error when the file cannot be read; InvalidDocuments when it cannot be used */
export function readPolicyFile(path: string): FilePolicy[] {
  const name = path === '-' ? 'standard input' : path;
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${name} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : message}`, {
      cause: error,
    });
  }
  return filePolicies(readDocuments(text, name));
}

/**
 * The policies of a file. Without a cluster the person's own credentials are the permission: an AwsAccount in the file
 * says how to reach an account, and an account without one is reached with the own identity. Of the metadata only what
 * the person wrote counts: `kubectl get -o yaml` adds times and UIDs of a cluster.
 */
function filePolicies(documents: Documents): FilePolicy[] {
  const given = new Map(documents.accounts.map((each) => [each.metadata.name, each]));
  return documents.policies.map((policy) => {
    const { name, namespace = '', annotations } = policy.metadata;
    const { account, region } = policy.spec.source;
    const source = { account, region };
    const uid = fileUid(source, namespace, name);
    // Accounts that only the file names, too: copies may be left there from when the policy named them.
    const ids = new Set([account, ...targetsOf(policy.spec).map((target) => target.account), ...given.keys()]);
    return {
      label: `${namespace}/${name}`,
      policy: {
        ...policy,
        metadata: { name, namespace, uid, generation: fingerprintOf(policy.spec), ...(annotations && { annotations }) },
      },
      owner: { cluster: FILE_CLUSTER, namespace, name, uid, source },
      accounts: new Map([...ids].map((id) => [id, withEveryNamespace(id, given.get(id))])),
    };
  });
}

/**
 * What stands for the generation that a cluster gives to a spec: what was confirmed for one spec is not for another.
 * @returns 1 to 2^32
 */
const fingerprintOf = (spec: AmiPolicy['spec']): number =>
  1 + createHash('sha256').update(JSON.stringify(spec)).digest().readUInt32BE();

function withEveryNamespace(id: string, given: AwsAccount | undefined): AwsAccount {
  return {
    apiVersion: API_VERSION,
    kind: AWS_ACCOUNT.kind,
    metadata: { name: id, ...(given?.metadata.labels && { labels: given.metadata.labels }) },
    spec: { ...(given?.spec ?? { readOnly: false }), namespaces: ['*'] },
  };
}

/** Looks for targets that the policies no longer name but still have copies in. */
export async function sweep({ engine, policies, stop }: FileRun): Promise<void> {
  for (const { accounts, owner } of policies) {
    await Promise.all(
      [...accounts.keys()].map(async (id) => {
        const grant = grantFor(id, owner.namespace, accounts, false);
        if (grant.kind === 'granted' && engine.sweep.isDue(id))
          await engine.sweep.account(grant.access, { signal: stop });
      }),
    );
  }
  stop.throwIfAborted();
}

/** What a pass of file mode may do. */
export interface FilePass {
  /** `nothing`: only plan. `keep`: all but what cannot be undone. */
  readonly may: 'nothing' | 'keep' | 'everything';
  /** A listing that was begun then or later is good enough, monotonic milliseconds. */
  readonly listing: number;
  /** Why an action that cannot be undone must not be carried out; default: it may. */
  readonly objection?: Hooks['confirm'];
  readonly acted?: Hooks['acted'];
}

/** One pass over a policy of a file. @throws the reason of the stop signal when it has aborted */
export async function filePass(run: FileRun, file: FilePolicy, pass: FilePass): Promise<Result> {
  const { engine, deleted, stop } = run;
  const { metadata, spec } = file.policy;
  const limits = { ...engine.limits, allowDelete: engine.limits.allowDelete && pass.may !== 'keep' };
  const result = await reconcile(
    { ...engine, limits },
    {
      ...file,
      policy: { ...file.policy, metadata, spec: { ...spec, mode: pass.may === 'nothing' ? 'Plan' : spec.mode } },
      rivals: run.policies
        .filter(({ owner }) => owner.uid !== file.owner.uid)
        .map(({ owner, policy }) => ({ owner, spec: policy.spec, createdAt: 0 })),
      deletedToday: deleted,
      readOnly: false,
      fresh: { listing: pass.listing, grants: run.begun, evidence: engine.clock.monotonic() },
    },
    {
      beforeActing: () => Promise.resolve(),
      beforeDeleting: (versions) => {
        for (const version of versions) deleted.add(version);
        return Promise.resolve();
      },
      confirm: async (action) => fileChanged(run.path, file) ?? (await pass.objection?.(action)),
      ...(pass.acted && { acted: pass.acted }),
      stop,
    },
  );
  stop.throwIfAborted();
  return result;
}

/** What the controller asks of the API server before it destroys something, file mode asks of the file. */
function fileChanged(path: string, { label, policy }: FilePolicy): string | undefined {
  if (path === '-') return undefined;
  try {
    const now = readPolicyFile(path).find((each) => each.label === label);
    if (now && isDeepStrictEqual(now.policy.spec, policy.spec)) return undefined;
    return `${path} says something else of ${label} than when it was read; run the command again`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
