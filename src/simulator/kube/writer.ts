import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../ambient/clock.ts';
import { between, type Random, uuid } from '../../ambient/random.ts';
import { shape } from '../../api/validate.ts';
import type { Address } from './address.ts';
import { type Decoded, decode, readConfiguration, validate } from './admission.ts';
import type { KubeDocument, ObjectMeta } from './document.ts';
import { applyConfig, ownersAfterUpdate } from './field-ownership.ts';
import { ownershipSchema } from './field-set.ts';
import { type JsonObject, without } from './json-object.ts';
import type { ManagerId } from './managers.ts';
import { finalizerCauses } from './metadata-rules.ts';
import { checkAddress, checkUid, generationAfter, immutableCauses, withServerMetadata } from './object-changes.ts';
import { type Objects, timestamp } from './objects.ts';
import { apiVersionOf, inForm, inStoredForm, type ResourceType } from './resource-type.ts';
import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound, StatusError } from './status-error.ts';
import type { WriteOptions } from './write-options.ts';

const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Everything that makes and changes objects. What it throws is a StatusError, and then nothing was changed. */
export class Writer {
  readonly #objects: Objects;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(objects: Objects, clock: Clock, random: Random) {
    this.#objects = objects;
    this.#clock = clock;
    this.#random = random;
  }

  create(type: ResourceType, namespace: string | undefined, document: JsonObject, options: WriteOptions): Decoded {
    const { object, warnings } = decode(type, document, options.validation);
    const created = this.#insert(type, namespace, object, options, (prepared) =>
      ownersAfterUpdate(
        ownershipSchema(type.schema),
        blank(type),
        prepared,
        this.#manager(type, 'Update', options),
        this.#now(),
        object.metadata.managedFields,
      ),
    );
    return { object: created, warnings };
  }

  update(address: Address, document: JsonObject, options: WriteOptions): Decoded {
    const { type, namespace, name } = address;
    const { object, warnings } = decode(type, document, options.validation);
    const before = this.#objects.find(type, namespace, name);
    if (!before) {
      if (type.createOnUpdate && address.subresource === undefined) {
        return this.create(type, namespace, document, options);
      }
      throw notFound(type, name);
    }
    checkAddress(address, object.metadata, before);
    checkUid(address, object.metadata, before.metadata);
    if (object.metadata.resourceVersion === undefined && !type.unconditionalUpdate) {
      const message = 'Invalid value: 0: must be specified for an update';
      const cause = { reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' };
      throw invalid({ group: type.group, kind: type.plural }, name, [cause]);
    }
    return { object: this.#replace(address, before, object, options), warnings };
  }

  /** @param change makes the new document of the current one */
  patch(address: Address, change: (current: KubeDocument) => JsonObject, options: WriteOptions): Decoded {
    const { type, namespace, name } = address;
    const before = this.#objects.find(type, namespace, name);
    if (!before) throw notFound(type, name);
    const { object, warnings } = decode(type, change(before), options.validation);
    checkAddress(address, object.metadata, before);
    return { object: this.#replace(address, before, object, options), warnings };
  }

  /** Server-side apply. */
  apply(
    address: Address,
    document: JsonObject,
    options: WriteOptions,
  ): { readonly object: KubeDocument; readonly created: boolean } {
    const { type, namespace, name, subresource } = address;
    const given = readConfiguration(type, document);
    if (given.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    const addressed: ObjectMeta = { ...given.metadata, name, ...(namespace !== undefined && { namespace }) };
    const ignored =
      subresource === 'status'
        ? Object.keys(given).filter((key) => key !== 'status')
        : type.hasStatus
          ? ['status']
          : [];
    const config: KubeDocument = {
      ...without(given, ...ignored),
      apiVersion: given.apiVersion,
      kind: given.kind,
      metadata: subresource === 'status' ? { name, ...(namespace !== undefined && { namespace }) } : addressed,
    };
    const schema = ownershipSchema(type.schema);
    const id = this.#manager(type, 'Apply', options, subresource);
    const before = this.#objects.find(type, namespace, name);
    checkAddress(address, given.metadata, before);
    if (!before) {
      if (subresource !== undefined) throw notFound(type, name);
      if (given.metadata.uid !== undefined) {
        const why = `uid mismatch: the provided object specified uid ${given.metadata.uid}, and no existing object was found`;
        throw conflict(type, name, why);
      }
      const applied = applyConfig(schema, undefined, config, id, this.#now(), options.force);
      const { object } = decode(type, applied.object, 'Ignore');
      return {
        object: this.#insert(type, namespace, object, options, () => applied.managedFields),
        created: true,
      };
    }
    const applied = applyConfig(schema, before, config, id, this.#now(), options.force);
    const { object } = decode(type, applied.object, 'Ignore');
    const next = this.#prepareUpdate(address, before, object);
    const replaced = this.#finish(type, before, withManagedFields(next, applied.managedFields), options);
    return { object: replaced, created: false };
  }

  #insert(
    type: ResourceType,
    namespace: string | undefined,
    object: KubeDocument,
    options: WriteOptions,
    ownersOf: (prepared: KubeDocument) => ObjectMeta['managedFields'] & object,
  ): KubeDocument {
    const { metadata } = object;
    if (metadata.resourceVersion !== undefined) {
      throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
    }
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    const name =
      metadata.name ?? (metadata.generateName === undefined ? undefined : this.#generate(metadata.generateName));
    const rest = type.hasStatus ? without(object, 'status') : object;
    const prepared: KubeDocument = {
      ...rest,
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: {
        ...without(
          metadata as JsonObject,
          'managedFields',
          'deletionTimestamp',
          'deletionGracePeriodSeconds',
          'generation',
        ),
        ...(name !== undefined && { name }),
        ...(namespace !== undefined && { namespace }),
        ...(type.storage === 'namespaces' && {
          labels: { ...metadata.labels, 'kubernetes.io/metadata.name': name ?? '' },
        }),
        uid: uuid(this.#random),
        creationTimestamp: this.#now(),
        ...(type.origin === 'custom' && { generation: 1 }),
      },
    };
    if (namespace !== undefined) this.#checkNamespace(type, namespace, name ?? '');
    validate(type, prepared, undefined);
    if (this.#objects.find(type, namespace, name ?? '')) throw alreadyExists(type, name ?? '');
    const owned = withManagedFields({ ...prepared, ...initialContent(type) }, ownersOf(prepared));
    return options.dryRun ? inForm(type, owned) : this.#objects.put(type, owned);
  }

  #replace(address: Address, before: KubeDocument, object: KubeDocument, options: WriteOptions): KubeDocument {
    const { type, subresource } = address;
    const next = this.#prepareUpdate(address, before, object);
    const managedFields = ownersAfterUpdate(
      ownershipSchema(type.schema),
      before,
      next,
      this.#manager(type, 'Update', options, subresource),
      this.#now(),
      subresource === undefined ? object.metadata.managedFields : undefined,
    );
    return this.#finish(type, before, withManagedFields(next, managedFields), options);
  }

  /** What the update may change, over what was there before; checked. */
  #prepareUpdate({ type, name, subresource }: Address, before: KubeDocument, object: KubeDocument): KubeDocument {
    const next: KubeDocument =
      subresource === 'status'
        ? { ...before, ...('status' in object && { status: object['status'] }) }
        : {
            ...(type.hasStatus ? without(object, 'status') : object),
            ...(type.hasStatus && 'status' in before && { status: before['status'] }),
            apiVersion: object.apiVersion,
            kind: object.kind,
            metadata: withServerMetadata(object.metadata, before.metadata),
          };
    const causes = [
      ...finalizerCauses(before.metadata, next.metadata),
      ...immutableCauses(object.metadata, before.metadata),
    ];
    // The real server checks metadata twice for custom resources, and reports twice.
    if (causes.length > 0) throw invalid(type, name, type.origin === 'custom' ? [...causes, ...causes] : causes);
    validate(type, next, before);
    const generation = generationAfter(type, before, next);
    return { ...next, metadata: { ...next.metadata, ...(generation !== undefined && { generation }) } };
  }

  #finish(type: ResourceType, before: KubeDocument, next: KubeDocument, options: WriteOptions): KubeDocument {
    const isDone = next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    if (isDone && (type.storage !== 'namespaces' || this.#objects.contentOf(next.metadata.name ?? '').length === 0)) {
      if (!options.dryRun) this.#objects.remove(type, before);
      return next;
    }
    const stored = this.#objects.stored(type, before);
    if (isDeepStrictEqual(timeless(stored), timeless(inStoredForm(type, next)))) return before;
    return options.dryRun ? next : this.#objects.put(type, next);
  }

  #checkNamespace(type: ResourceType, namespace: string, name: string): void {
    const found = this.#objects.namespace(namespace);
    if (!found) throw notFound({ group: '', plural: 'namespaces' }, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    };
    throw forbidden(type, name, why, [cause]);
  }

  #manager(
    type: ResourceType,
    operation: ManagerId['operation'],
    options: WriteOptions,
    subresource?: 'status',
  ): ManagerId {
    const apiVersion = apiVersionOf(type);
    return { manager: options.fieldManager, operation, apiVersion, ...(subresource !== undefined && { subresource }) };
  }

  #generate(prefix: string): string {
    const letters = Array.from({ length: 5 }, () => NAME_ALPHABET[between(this.#random, 0, NAME_ALPHABET.length - 1)]);
    return `${prefix.slice(0, 58)}${letters.join('')}`;
  }

  #now(): string {
    return timestamp(this.#clock);
  }
}

/** What nobody owns although it is there: of builtin kinds a spec, a status and what has defaults. */
function blank(type: ResourceType): KubeDocument | undefined {
  if (type.origin === 'custom') return undefined;
  const defaults = shape(type.schema, {}).value as JsonObject;
  return { ...defaults, apiVersion: '', kind: '', metadata: {}, spec: {}, status: {} };
}

/** What the server itself puts in. */
function initialContent(type: ResourceType): JsonObject {
  return type.storage === 'namespaces' ? { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } } : {};
}

function withManagedFields(object: KubeDocument, managedFields: ObjectMeta['managedFields'] = []): KubeDocument {
  const metadata = without(object.metadata as JsonObject, 'managedFields');
  return { ...object, metadata: { ...metadata, ...(managedFields.length > 0 && { managedFields }) } };
}

/** Times of managers alone are no reason to write. */
function timeless(object: KubeDocument): KubeDocument {
  const managedFields = object.metadata.managedFields?.map((entry) => ({ ...entry, time: '' }));
  return withManagedFields(object, managedFields);
}
