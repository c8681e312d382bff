import type { KubeDocument } from './document.ts';
import { humanDuration } from './human-duration.ts';
import type { JsonObject } from './json-object.ts';
import { jsonPath } from './json-path.ts';
import type { Column, ResourceType } from './resource-type.ts';

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

/** How much of each object comes with its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Whether the client wants a table, as kubectl does to print. */
export const wantsTable = (accept: string | undefined): boolean =>
  (accept ?? '').split(',').some((part) => /;\s*as=Table\b/.test(part) && /;\s*g=meta\.k8s\.io\b/.test(part));

export interface TableOptions {
  readonly include: IncludeObject;
  /** Rows alone: in a watch only the first event names the columns. */
  readonly headers: boolean;
  /** Milliseconds since the Unix epoch, for ages. */
  readonly now: number;
}

/** Objects as the table that kubectl prints. */
export function tableOf(
  type: ResourceType,
  objects: readonly KubeDocument[],
  metadata: JsonObject,
  options: TableOptions,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: options.headers ? type.columns.map(columnDefinition) : null,
    rows: objects.map((object) => ({
      cells: type.columns.map((column) => cellOf(column, object, options.now)),
      object: rowObject(object, options.include),
    })),
  };
}

/** The first column of nearly every table. */
export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: NAME_DESCRIPTION,
  cell: ({ metadata }) => metadata.name ?? '',
};

function columnDefinition(column: Column): JsonObject {
  const { name, type, priority = 0 } = column;
  const ofPath =
    'jsonPath' in column ? `Custom resource definition column (in JSONPath format): ${column.jsonPath}` : '';
  const format = 'format' in column ? column.format : '';
  return { name, type, format, description: column.description ?? ofPath, priority };
}

function cellOf(column: Column, object: KubeDocument, now: number): unknown {
  if ('cell' in column) return column.cell(object, now);
  const { type, jsonPath: path } = column;
  const found = jsonPath(path, object);
  const [value] = found;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'date': {
      const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
      return Number.isNaN(time) ? '<invalid>' : humanDuration(now - time);
    }
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return found.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join(',');
  }
}

function rowObject(object: KubeDocument, include: IncludeObject): unknown {
  switch (include) {
    case 'None':
      return null;
    case 'Object':
      return object;
    default:
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
  }
}
