import { applyOnto, withoutFields } from './apply-merge.ts';
import { type KubeDocument, type ManagedFieldsEntry, SERVER_METADATA } from './document.ts';
import { fieldChanges } from './field-changes.ts';
import { describePath, elementsOf, type FieldSchema, type FieldSet, fieldsOf, isWithin, pathOf } from './field-set.ts';
import { without } from './json-object.ts';
import {
  describeManager,
  idOf,
  type Manager,
  type ManagerId,
  type Managers,
  readManagers,
  writeManagers,
} from './managers.ts';
import { StatusError } from './status-error.ts';

const UNOWNED_METADATA: ReadonlySet<string> = new Set(SERVER_METADATA);

/** The part of an object that has owners. */
function ownable(object: KubeDocument | undefined): Readonly<Record<string, unknown>> {
  const metadata = Object.entries(object?.metadata ?? {}).filter(([name]) => !UNOWNED_METADATA.has(name));
  return { ...(object && without(object, 'apiVersion', 'kind')), metadata: Object.fromEntries(metadata) };
}

/**
 * The owners after an update, which takes every field that it changed from whoever had it.
 * @param given the managedFields that came with the update: who sends some replaces them
 */
export function ownersAfterUpdate(
  schema: FieldSchema,
  before: KubeDocument | undefined,
  after: KubeDocument,
  id: ManagerId,
  time: string,
  given: readonly ManagedFieldsEntry[] = [],
): readonly ManagedFieldsEntry[] {
  const isReset = given.length === 1 && given[0]?.manager === undefined;
  const sent = given.length > 0 ? given : before?.metadata.managedFields;
  const managers: Managers = isReset ? new Map() : readManagers(sent);
  const { added, modified, removed } = fieldChanges(schema, ownable(before), ownable(after));
  const taken = new Set([...added, ...modified]);
  const result = new Map<string, Manager>();
  for (const [key, manager] of managers) {
    result.set(key, { ...manager, fields: minus(minus(manager.fields, taken), removed) });
  }
  if (taken.size > 0) {
    const mine = managers.get(idOf(id));
    const fields = new Set([...minus(mine?.fields ?? new Set(), removed), ...taken]);
    result.set(idOf(id), { ...id, time, fields });
  }
  return writeManagers(result);
}

export interface Applied {
  readonly object: KubeDocument;
  readonly managedFields: readonly ManagedFieldsEntry[];
}

/**
 * Server-side apply: fields named in `config` get its values and `id` as an owner; fields that `id` owned, names no
 * more, and nobody else owns, go.
 * @throws StatusError (409) when a field that would change has another owner and `force` is not set
 */
export function applyConfig(
  schema: FieldSchema,
  live: KubeDocument | undefined,
  config: KubeDocument,
  id: ManagerId,
  time: string,
  force: boolean,
): Applied {
  const managers = readManagers(live?.metadata.managedFields);
  const last = managers.get(idOf(id));
  const fields = fieldsOf(schema, ownable(config));
  fields.delete('f:metadata');
  const others = [...managers.values()].filter((manager) => idOf(manager) !== idOf(id));
  const merged = applyOnto(schema, ownable(live), ownable(config));
  const abandoned = withEnclosing(last?.fields ?? new Set()).filter(
    (path) => ![fields, ...others.map((other) => other.fields)].some((set) => ownsWithin(set, path)),
  );
  const wanted = withoutFields(schema, merged, new Set(abandoned)) as Record<string, unknown>;
  const { added, modified, removed } = fieldChanges(schema, ownable(live), wanted);
  const taken = new Set([...added, ...modified]);
  const contested = others.flatMap((other) =>
    [...other.fields].filter((path) => taken.has(path)).map((path) => ({ manager: other, path })),
  );
  if (contested.length > 0 && !force) throw applyConflict(contested);

  const result = new Map<string, Manager>();
  for (const other of others) result.set(idOf(other), { ...other, fields: minus(minus(other.fields, taken), removed) });
  // Its time is that of the last change; a manager that never made one has none.
  const at = live === undefined || taken.size > 0 || removed.size > 0 ? time : last?.time;
  result.set(idOf(id), { ...id, fields, ...(at !== undefined && { time: at }) });
  const base = live ?? { apiVersion: config.apiVersion, kind: config.kind, metadata: config.metadata };
  return { object: withOwnable(base, wanted), managedFields: writeManagers(result) };
}

function withOwnable(base: KubeDocument, wanted: Readonly<Record<string, unknown>>): KubeDocument {
  const { metadata = {}, ...rest } = wanted;
  const kept = Object.entries(base.metadata).filter(([name]) => UNOWNED_METADATA.has(name));
  return {
    apiVersion: base.apiVersion,
    kind: base.kind,
    metadata: { ...(metadata as object), ...Object.fromEntries(kept) },
    ...rest,
  };
}

/** The fields, and those that they are in: what an applier made only to hold its own goes with the last of these. */
function withEnclosing(fields: FieldSet): string[] {
  const all = new Set(fields);
  for (const field of fields) {
    let path = '';
    for (const element of elementsOf(field)) {
      path = pathOf(path, element);
      if (element.startsWith('f:')) all.add(path);
    }
  }
  return [...all];
}

const ownsWithin = (fields: FieldSet, path: string): boolean => {
  if (fields.has(path)) return true;
  for (const field of fields) if (isWithin(field, path)) return true;
  return false;
};

const minus = (fields: FieldSet, taken: FieldSet): Set<string> =>
  new Set([...fields].filter((field) => !taken.has(field)));

function applyConflict(contested: readonly { readonly manager: Manager; readonly path: string }[]): StatusError {
  const causes = contested.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeManager(manager)}`,
    field: describePath(path),
  }));
  const by = Map.groupBy(contested, ({ manager }) => describeManager(manager));
  const one = causes[0];
  const list = [...by]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([who, fields]) =>
      [`conflicts with ${who}:`, ...fields.map(({ path }) => `- ${describePath(path)}`)].join('\n'),
    );
  const message =
    causes.length === 1 && one
      ? `Apply failed with 1 conflict: ${one.message}: ${one.field}`
      : `Apply failed with ${causes.length} conflicts: ${list.join('\n')}`;
  return new StatusError(409, 'Conflict', message, { causes });
}
