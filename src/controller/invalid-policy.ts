import { type Condition, conditionsFrom } from '../api/conditions.ts';
import type { PolicyStatus } from '../api/policy-status.ts';

/** The status of a policy that cannot be read, as one that was stored under another version of the CRD may be. */
export function invalidStatus(
  message: string,
  generation: number,
  before: readonly Condition[],
  now: string,
): PolicyStatus {
  const text = `the stored object does not fit this version of amifleet: ${message}. Apply it again after updating the CRDs`;
  return {
    observedGeneration: generation,
    conditions: conditionsFrom(
      [
        { type: 'Ready', status: 'False', reason: 'InvalidSpec', message: text },
        { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message: text },
      ],
      before,
      generation,
      now,
    ),
  };
}
