import { judgeUse } from './evidence.ts';
import type { Image, Target } from './model.ts';
import type { Objection } from './objection.ts';
import { inventoryOf, launchGrantsOf, type Pass } from './pass.ts';

/** Whether evidence stands in the way of removing an image; `asking` where that depends on an answer still to come. */
export function inUse(pass: Pass, image: Image, target: Target, subject: string): Objection | 'asking' | undefined {
  const grants = launchGrantsOf(pass, target, image, subject, pass.deleting ? 'deletion' : 'retention');
  const references = inventoryOf(pass, target)?.references.get(image.id);
  if (!references) pass.draft.need({ kind: 'references', target, imageId: image.id });
  if (!grants || !references) return 'asking';
  const evidence = judgeUse(image, grants, references, pass.now);
  const because = evidence.because.join('; ');
  if (evidence.verdict === 'inUse') return { code: 'InUse', message: `kept, it is in use: ${because}` };
  if (evidence.verdict === 'unknown') {
    return { code: 'UseUnknown', message: `kept, whether it is in use is not known: ${because}` };
  }
  return undefined;
}

/** What an image that `inUse` did not object to was found unused by. */
export function evidenceFor(pass: Pass, image: Image, target: Target): readonly string[] {
  const inventory = inventoryOf(pass, target);
  const grants = inventory?.launchGrants.get(image.id);
  const references = inventory?.references.get(image.id);
  return grants?.ok && references ? judgeUse(image, grants.value, references, pass.now).because : [];
}
