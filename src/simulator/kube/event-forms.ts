import type { KubeDocument } from './document.ts';

/** The same field in `events.k8s.io/v1`, where the event is stored, and in the core group's `v1`. */
const NAMES: readonly (readonly [string, string])[] = [
  ['reportingController', 'reportingComponent'],
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];
const TO_CORE = new Map(NAMES);
const FROM_CORE = new Map(NAMES.map(([stored, core]) => [core, stored]));

export const toCoreEvent = (event: KubeDocument): KubeDocument => renamed(event, TO_CORE, 'v1');
export const fromCoreEvent = (event: KubeDocument): KubeDocument => renamed(event, FROM_CORE, 'events.k8s.io/v1');

function renamed(event: KubeDocument, names: ReadonlyMap<string, string>, apiVersion: string): KubeDocument {
  const fields = Object.entries(event).map(([name, value]) => [names.get(name) ?? name, value]);
  return { ...(Object.fromEntries(fields) as KubeDocument), apiVersion };
}
