import type { Condition } from '../../src/api/conditions.ts';

/** What of an object tells how it stands. */
export interface Standing {
  readonly metadata: {
    readonly generation?: number | undefined;
    readonly deletionTimestamp?: string | undefined;
  };
  readonly status?:
    | { readonly observedGeneration: number; readonly conditions?: readonly Condition[] | undefined }
    | undefined;
}

/**
 * S11, on every status that any test sees: what kstatus, and so Flux, Argo CD and `kubectl wait`, must be able to rely on.
 * After the checker of Flux, and the API conventions of Kubernetes.
 * @param before the object with the status that this one replaces; undefined: there was none
 * @returns what is broken, each as a sentence
 */
export function kstatusRules({ metadata, status }: Standing, before?: Standing): string[] {
  if (!status) return [];
  const { observedGeneration, conditions } = status;
  const found = observedGeneration > (metadata.generation ?? 0) ? ['a generation to come was observed'] : [];
  if (!conditions) return found;
  const isLeaving = metadata.deletionTimestamp !== undefined;
  return [
    ...found,
    ...rootRules(conditions, isLeaving),
    ...conditions.flatMap((each) => [...conditionRules(each, observedGeneration)]),
    ...timeRules(conditions, before?.status?.conditions ?? []),
    ...(conditions.every(({ type }, index) => index === 0 || (conditions[index - 1]?.type ?? '') < type)
      ? []
      : ['the conditions are not sorted by type, each once']),
  ];
}

function* rootRules(conditions: readonly Condition[], isLeaving: boolean): Generator<string> {
  const of = (type: string): Condition | undefined => conditions.find((each) => each.type === type);
  const [ready, reconciling, stalled] = [of('Ready'), of('Reconciling'), of('Stalled')];
  if (!ready) yield 'there is no condition Ready';
  for (const abnormal of [reconciling, stalled])
    if (abnormal && abnormal.status !== 'True') yield `${abnormal.type} is there and not True`;
  if (reconciling && stalled) yield 'it is reconciling and stalled at once';
  if (ready?.status === 'True' && (reconciling || stalled))
    yield `it is ready and ${reconciling ? 'reconciling' : 'stalled'}`;
  if (ready?.status === 'Unknown' && !reconciling) yield 'whether it is ready is unknown, and nobody works on that';
  // Without one of the two a tool that waits for it waits until its time is up. That is right for what was suspended, and
  // what is leaving is read as terminating.
  const isWaiting = isLeaving || ready?.reason === 'Suspended';
  if (ready?.status === 'False' && !reconciling && !stalled && !isWaiting)
    yield `it is not ready (${ready.reason}), and neither reconciling nor stalled`;
}

function* conditionRules({ type, reason, message, observedGeneration }: Condition, root: number): Generator<string> {
  if (message === '') yield `${type} says nothing`;
  if (message.length > 32_768) yield `${type} says more than the API server takes`;
  if (!/^[A-Z][A-Za-z0-9_]*$/.test(reason)) yield `the reason of ${type} is not one CamelCase word: ${reason}`;
  if (observedGeneration !== root) yield `${type} speaks of another generation`;
}

function* timeRules(conditions: readonly Condition[], before: readonly Condition[]): Generator<string> {
  const earlier = new Map(before.map((each) => [each.type, each]));
  for (const { type, status, lastTransitionTime } of conditions) {
    const was = earlier.get(type);
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(lastTransitionTime)) yield `${type} has no time of its transition`;
    if (was?.status === status && was.lastTransitionTime !== lastTransitionTime)
      yield `${type} is what it was, and its time of transition has moved`;
    if (was && was.lastTransitionTime > lastTransitionTime) yield `${type} changed before it was what it was`;
  }
}
