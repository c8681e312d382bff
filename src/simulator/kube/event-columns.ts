import type { KubeDocument } from './document.ts';
import { fromCoreEvent } from './event-forms.ts';
import { humanDuration } from './human-duration.ts';
import { fieldOf } from './json-object.ts';
import type { Column } from './resource-type.ts';

/** A field of an event, in whichever form the event comes. */
function fieldOfEvent(event: KubeDocument, ...path: readonly string[]): unknown {
  const stored = event.apiVersion === 'v1' ? fromCoreEvent(event) : event;
  return path.reduce<unknown>(fieldOf, stored);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** How long ago it was seen; where it was seen often, the last time counts. */
function age(event: KubeDocument, now: number, ...times: readonly (readonly string[])[]): string {
  const time = times.map((path) => textOf(fieldOfEvent(event, ...path))).find((text) => text !== '');
  return time === undefined ? '<unknown>' : humanDuration(now - Date.parse(time));
}

function subject(event: KubeDocument): string {
  const kind = textOf(fieldOfEvent(event, 'regarding', 'kind')).toLowerCase();
  return `${kind}/${textOf(fieldOfEvent(event, 'regarding', 'name'))}`;
}

/** The columns of `kubectl get events`. */
export const EVENT_COLUMNS: readonly Column[] = [
  {
    name: 'Last Seen',
    type: 'string',
    cell: (event, now) => age(event, now, ['series', 'lastObservedTime'], ['deprecatedLastTimestamp'], ['eventTime']),
  },
  { name: 'Type', type: 'string', cell: (event) => fieldOfEvent(event, 'type') ?? '' },
  { name: 'Reason', type: 'string', cell: (event) => fieldOfEvent(event, 'reason') ?? '' },
  { name: 'Object', type: 'string', cell: subject },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    cell: (event) => fieldOfEvent(event, 'regarding', 'fieldPath') ?? '',
  },
  {
    name: 'Source',
    type: 'string',
    priority: 1,
    cell: (event) =>
      [fieldOfEvent(event, 'reportingController'), fieldOfEvent(event, 'reportingInstance')].filter(Boolean).join(', '),
  },
  { name: 'Message', type: 'string', cell: (event) => textOf(fieldOfEvent(event, 'note')).trim() },
  {
    name: 'First Seen',
    type: 'string',
    priority: 1,
    cell: (event, now) => age(event, now, ['deprecatedFirstTimestamp'], ['eventTime']),
  },
  {
    name: 'Count',
    type: 'string',
    priority: 1,
    cell: (event) => fieldOfEvent(event, 'series', 'count') ?? fieldOfEvent(event, 'deprecatedCount') ?? 1,
  },
  { name: 'Name', type: 'string', priority: 1, format: 'name', cell: ({ metadata }) => metadata.name ?? '' },
];
