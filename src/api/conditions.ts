import { z } from 'zod';

/**
 * Conditions after the API conventions of Kubernetes: observations, keyed by type. Normal ones are good when True;
 * `Reconciling` and `Stalled` are bad news and exist only while they are True, which is how kstatus reads them.
 */
export const CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'AccessReady',
  'SourceResolved',
  'Replicated',
  'Shared',
  'Published',
  'RetentionApplied',
] as const;
type ConditionType = (typeof CONDITION_TYPES)[number];

export const condition = z.object({
  type: z.string().max(316).meta({ description: 'What the condition is about.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .meta({ description: 'Why, in one CamelCase word that programs may rely on.' }),
  message: z.string().max(32_768).meta({ description: 'Why, for people.' }),
  lastTransitionTime: z.string().meta({ description: 'When status last changed.', format: 'date-time' }),
  observedGeneration: z.int().min(0).optional().meta({ description: 'The generation of the spec it was seen for.' }),
});
export type Condition = z.output<typeof condition>;

/** A condition as a decision yields it: who writes it adds the times. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/**
 * The conditions to write: exactly the findings, sorted by type, each with the transition time it had unless its status
 * changed. A type that is no longer found is dropped.
 * @param now RFC 3339 time of the change
 */
export function conditionsFrom(
  findings: readonly Finding[],
  before: readonly Condition[],
  generation: number,
  now: string,
): Condition[] {
  const earlier = new Map(before.map((entry) => [entry.type, entry]));
  return findings
    .map((finding): Condition => {
      const previous = earlier.get(finding.type);
      const unchanged = previous?.status === finding.status;
      return {
        ...finding,
        lastTransitionTime: unchanged ? previous.lastTransitionTime : now,
        observedGeneration: generation,
      };
    })
    .sort((left, right) => (left.type < right.type ? -1 : 1));
}
