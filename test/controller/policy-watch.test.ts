import { describe, expect, it } from 'vitest';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { RECONCILE_ANNOTATION } from '../../src/api/group.ts';
import { isUnanswered } from '../../src/controller/policy-watch.ts';

const policy = (metadata: object, status?: object): AmiPolicy =>
  ({ metadata: { name: 'web', namespace: 'platform', generation: 3, ...metadata }, spec: {}, status }) as AmiPolicy;
const ASKED = { annotations: { [RECONCILE_ANNOTATION]: 'now' } };

describe('after a restart somebody waits for', () => {
  it.each([
    ['a policy that no controller has seen', policy({}, { observedGeneration: -1 })],
    ['a policy without a status', policy({})],
    ['a policy that was edited meanwhile', policy({}, { observedGeneration: 2 })],
    ['a policy that is to go', policy({ deletionTimestamp: '2026-01-01T00:00:00Z' }, { observedGeneration: 3 })],
    [
      'a policy that was to be looked at afresh',
      policy(ASKED, { observedGeneration: 3, lastHandledReconcile: 'before' }),
    ],
  ])('%s', (_, given) => {
    expect(isUnanswered(given)).toBe(true);
  });

  it.each([
    ['one whose status answers to it', policy({}, { observedGeneration: 3 })],
    ['one whose wish was fulfilled', policy(ASKED, { observedGeneration: 3, lastHandledReconcile: 'now' })],
  ])('not for %s', (_, given) => {
    expect(isUnanswered(given)).toBe(false);
  });
});
