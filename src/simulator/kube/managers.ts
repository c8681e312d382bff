import type { ManagedFieldsEntry } from './document.ts';
import { type FieldSet, fromFieldsV1, toFieldsV1 } from './field-set.ts';

/** Who writes: the same name applying and updating, or on another subresource, is another manager. */
export interface ManagerId {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource?: string;
}

export interface Manager extends ManagerId {
  readonly time?: string;
  readonly fields: FieldSet;
}

/** The managers of one object, by `idOf`. */
export type Managers = ReadonlyMap<string, Manager>;

export const idOf = ({ manager, operation, apiVersion, subresource = '' }: ManagerId): string =>
  JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);

export function readManagers(entries: readonly ManagedFieldsEntry[] = []): Managers {
  return new Map(
    entries.map(({ manager, operation, apiVersion, time, fieldsV1, subresource }) => {
      const read: Manager = {
        manager,
        operation,
        apiVersion,
        fields: fromFieldsV1(fieldsV1),
        ...(time !== undefined && { time }),
        ...(subresource !== undefined && subresource !== '' && { subresource }),
      };
      return [idOf(read), read];
    }),
  );
}

/** Appliers first, then by time, then by name; whoever owns nothing is left out. */
export function writeManagers(managers: Managers): readonly ManagedFieldsEntry[] {
  const order = ({ operation, time = '', manager, apiVersion, subresource = '' }: Manager): string =>
    [operation, time, manager, apiVersion, subresource].join('\u0000');
  return [...managers.values()]
    .filter(({ fields }) => fields.size > 0)
    .toSorted((one, other) => (order(one) < order(other) ? -1 : 1))
    .map(({ manager, operation, apiVersion, time, fields, subresource }) => ({
      manager,
      operation,
      apiVersion,
      ...(time !== undefined && { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: toFieldsV1(fields),
      ...(subresource !== undefined && { subresource }),
    }));
}

/** For messages: `"kubectl" using amifleet.io/v1alpha1`. */
export function describeManager({ manager, operation, apiVersion, subresource }: ManagerId): string {
  const name = subresource
    ? `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`
    : JSON.stringify(manager);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
