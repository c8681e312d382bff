import type { Target } from '../../src/policy/model.ts';
import type { Action, Call } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { attemptTag, clientToken, FIRST_ATTEMPT } from '../../src/policy/token.ts';
import { AWAY, HOME, SOURCE } from './simulated-aws.ts';

/** An action as a plan holds it. What is not given is of no interest to the test. */
export function action(call: Call, given: Partial<Action> = {}): Action {
  return {
    id: `${call.do} ${JSON.stringify(call)}`,
    kind: 'Tag',
    target: AWAY,
    subject: 'web-1',
    reason: 'because',
    call,
    needs: [],
    follows: [],
    ...given,
  };
}

export const IDENTITY = {
  [TAG.policy]: 'platform/web',
  [TAG.policyUid]: 'uid-1',
  [TAG.cluster]: 'cluster-1',
  [TAG.sourceImage]: SOURCE,
  [TAG.sourceAccount]: HOME.account,
  [TAG.sourceRegion]: HOME.region,
  [TAG.sourceName]: 'web-1',
  [TAG.sourceCreated]: '2025-12-31T00:00:00.000Z',
};

/** The copy of a source image into a target, as every pass would ask for it. */
export function copyOf(
  sourceImage: string = SOURCE,
  target: Target = AWAY,
  attempt = FIRST_ATTEMPT,
): Action & { readonly call: Extract<Call, { do: 'copy' }> } {
  const tag = attemptTag(attempt);
  const call = {
    do: 'copy',
    sourceImage,
    origin: { imageId: sourceImage, ...HOME },
    name: 'web-1',
    description: '',
    tags: { ...IDENTITY, [TAG.sourceImage]: sourceImage, ...(tag !== undefined && { [TAG.attempt]: tag }) },
    imageTags: {},
    token: clientToken({ policyUid: 'uid-1', sourceImage, source: HOME, target, key: '', attempt }),
    attempt,
  } as const;
  return { ...action(call, { id: `copy ${sourceImage} ${target.region}`, kind: 'CopyImage', target }), call };
}
