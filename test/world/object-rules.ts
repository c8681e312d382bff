import type { KubeDocument } from '../../src/simulator/kube/document.ts';
import { kstatusRules, type Standing } from '../api/kstatus-rules.ts';

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
  const status = after['status'];
  if (status === undefined || JSON.stringify(status) === JSON.stringify(before['status'])) return found;
  if (JSON.stringify(status).length > MOST_STATUS_BYTES) found.push(`the status of ${name} is too large`);
  for (const broken of kstatusRules(standingOf(after), standingOf(before))) found.push(`S11: ${name}: ${broken}`);
  return found;
}

const standingOf = (document: KubeDocument): Standing => ({
  metadata: document.metadata,
  status: document['status'] as Standing['status'],
});
