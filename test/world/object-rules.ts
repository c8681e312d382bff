import type { Condition } from '../../src/api/conditions.ts';
import type { PolicyStatus } from '../../src/api/policy-status.ts';
import type { KubeDocument } from '../../src/simulator/kube/document.ts';

/** What the simulated AWS gives out and what worlds are seeded with that must show up nowhere. */
const SECRETS = /amifleet-prod|session-A[A-Z0-9]+|secret-A[A-Z0-9]+|AKIASIM|ASIASIM/;

const MOST_STATUS_BYTES = 256 * 1024;

/** What a write of the controller to the API server breaks, each as a sentence that begins with the rule. */
export function judgeWrite(
  resource: string,
  before: KubeDocument | undefined,
  after: KubeDocument | undefined,
): string[] {
  const found: string[] = [];
  // The spec of an AwsAccount holds the external id; whoever may read that may read it.
  const text = JSON.stringify((resource === 'awsaccounts.amifleet.io' ? after?.['status'] : after) ?? {});
  if (SECRETS.test(text)) found.push(`S12: a secret is in ${resource}: ${text}`);
  if (!resource.endsWith('.amifleet.io') || !before || !after) return found;
  const name = [after.metadata.namespace, after.metadata.name].filter(Boolean).join('/');
  if (JSON.stringify(before['spec']) !== JSON.stringify(after['spec']))
    found.push(`S13: the spec of ${name} was written`);
  for (const part of ['labels', 'annotations', 'ownerReferences'] as const) {
    if (JSON.stringify(before.metadata[part]) !== JSON.stringify(after.metadata[part]))
      found.push(`S13: metadata.${part} of ${name} was written`);
  }
  const foreign = (document: KubeDocument): string =>
    (document.metadata.finalizers ?? []).filter((each) => !each.startsWith('amifleet.io/')).join();
  if (foreign(before) !== foreign(after)) found.push(`S13: finalizers of others on ${name} were written`);
  const status = after['status'] as PolicyStatus | undefined;
  if (status && JSON.stringify(status) !== JSON.stringify(before['status']))
    found.push(...statusRules(name, after, status));
  return found;
}

/** S11: what kstatus and its like must be able to rely on. */
function* statusRules(name: string, { metadata }: KubeDocument, status: PolicyStatus): Generator<string> {
  const of = (type: string): Condition | undefined => status.conditions?.find((each) => each.type === type);
  if (JSON.stringify(status).length > MOST_STATUS_BYTES) yield `the status of ${name} is too large`;
  if (status.observedGeneration > (metadata.generation ?? 0)) yield `S11: ${name} observed a generation to come`;
  if (!status.conditions) return;
  const ready = of('Ready');
  const reconciling = of('Reconciling');
  const stalled = of('Stalled');
  if (!ready) yield `S11: ${name} has no condition Ready`;
  if (reconciling && reconciling.status !== 'True') yield `S11: Reconciling of ${name} is there and not True`;
  if (stalled && stalled.status !== 'True') yield `S11: Stalled of ${name} is there and not True`;
  if (reconciling && stalled) yield `S11: ${name} is reconciling and stalled at once`;
  if (ready?.status === 'True' && (reconciling || stalled))
    yield `S11: ${name} is ready and ${reconciling ? 'reconciling' : 'stalled'}`;
  for (const condition of status.conditions) {
    if (condition.message === '') yield `S11: ${condition.type} of ${name} says nothing`;
    if (condition.observedGeneration !== status.observedGeneration)
      yield `S11: ${condition.type} of ${name} speaks of another generation`;
  }
}
