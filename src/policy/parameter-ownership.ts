import { FILE_CLUSTER, type Owner } from './identity.ts';
import type { Inventory, OwnParameter, Target } from './model.ts';
import type { Pass } from './pass.ts';

/** What the description of a parameter says of whose it is. People read it, and so do we. */
export const parameterDescription = (owner: Owner): string =>
  `Newest image of AmiPolicy ${owner.namespace}/${owner.name}, by amifleet (${owner.cluster} ${owner.uid})`;

const DESCRIBED = /^Newest image of AmiPolicy (\S+), by amifleet \((\S+) (\S+)\)$/;

/** Whether a parameter was written for a policy, or for one of its name that it succeeds. */
export function isOwn({ description }: OwnParameter, owner: Owner): boolean {
  const [, policy, cluster, uid] = DESCRIBED.exec(description) ?? [];
  return cluster === owner.cluster && (uid === owner.uid || policy === `${owner.namespace}/${owner.name}`);
}

/**
 * What a parameter that is not of this policy says of itself, where it may be taken over: with adoption, or because it was
 * written for a policy of this name that was applied from a file, and whose copies this one takes as well. Undefined where
 * it is left alone, or has to be asked first.
 */
export function adoptable(
  pass: Pass,
  name: string,
  subject: string,
  target: Target,
  inventory: Inventory,
): string | undefined {
  const { draft, owner, spec } = pass;
  const answer = inventory.descriptions.get(name);
  if (!answer) {
    draft.need({ kind: 'description', target, name });
    return undefined;
  }
  if (!answer.ok) {
    draft.block({
      part: 'publishing',
      code: 'ParameterUnknown',
      subject,
      target,
      message: `it is there, and whose it is could not be read: ${answer.why}. It is left alone until it can`,
      effect: 'retries',
    });
    return undefined;
  }
  const description = answer.value ?? '';
  const [, policy, cluster] = DESCRIBED.exec(description) ?? [];
  const isFormer = policy === `${owner.namespace}/${owner.name}` && cluster === FILE_CLUSTER;
  if (isFormer || (policy === undefined && spec.adoption === 'Matching')) return description;
  refuseForeign(pass, subject, target, description);
  return undefined;
}

export function refuseForeign(pass: Pass, subject: string, target: Target, description: string): void {
  const [, policy, cluster] = DESCRIBED.exec(description) ?? [];
  const whose = policy === undefined ? 'not of this policy' : `of policy ${policy} (cluster ${cluster})`;
  const wayOut = policy === undefined ? ', or let it be taken over (adoption: Matching)' : '';
  pass.draft.block({
    part: 'publishing',
    code: 'ParameterForeign',
    subject,
    target,
    message: `it is there and ${whose}, and is left alone. Choose another name in publish.ssmParameter, delete it${wayOut}`,
    effect: 'stalls',
  });
}
