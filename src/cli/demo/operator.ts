import { sleep, systemClock } from '../../ambient/clock.ts';
import type { AmiPolicy } from '../../api/ami-policy.ts';
import { customResourceDefinitions } from '../../api/crd.ts';
import type { PolicyStatus } from '../../api/policy-status.ts';
import { ACCOUNTS, POLICIES } from '../../controller/resource-kinds.ts';
import { isNotFound } from '../../kube/errors.ts';
import { type KubeObject, ResourceClient } from '../../kube/resource-client.ts';
import type { Transport } from '../../kube/transport.ts';
import { demoObjects, NAMESPACE, POLICY } from './fleet.ts';

const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };
const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
const DEFINITIONS = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const FIELD_MANAGER = 'demo';
const SERVED_LOOKS = 100;
const SERVED_EVERY_MS = 100;

interface KubeEvent extends KubeObject {
  readonly eventTime?: string;
  readonly reason?: string;
  readonly note?: string;
}

/** Who uses the cluster in the demo: applies what `kubectl apply` would, and reads what `kubectl get` shows. */
export class Operator {
  readonly #policies: ResourceClient<AmiPolicy & KubeObject>;
  readonly #accounts: ResourceClient<KubeObject>;
  readonly #namespaces: ResourceClient<KubeObject>;
  readonly #events: ResourceClient<KubeEvent>;
  readonly #definitions: ResourceClient<KubeObject>;
  readonly #told = new Set<string>();

  constructor(transport: Transport) {
    this.#policies = new ResourceClient(transport, POLICIES);
    this.#accounts = new ResourceClient(transport, ACCOUNTS);
    this.#namespaces = new ResourceClient(transport, NAMESPACES);
    this.#events = new ResourceClient(transport, EVENTS);
    this.#definitions = new ResourceClient(transport, DEFINITIONS);
  }

  /** Installs the CRDs, and waits until they are served. The embedded API server has them from the start. */
  async install(): Promise<void> {
    for (const definition of customResourceDefinitions()) {
      await this.#definitions.apply(definition, { fieldManager: FIELD_MANAGER });
    }
    for (const client of [this.#policies, this.#accounts]) {
      for (let look = 1; ; look++) {
        try {
          await client.list({ limit: 1 });
          break;
        } catch (error) {
          if (!isNotFound(error) || look === SERVED_LOOKS) throw error;
          await sleep(systemClock, SERVED_EVERY_MS);
        }
      }
    }
  }

  async applyPolicy(): Promise<void> {
    const options = { fieldManager: FIELD_MANAGER };
    await this.#namespaces.apply({ metadata: { name: NAMESPACE } }, options);
    for (const object of demoObjects()) {
      const client = object.kind === POLICIES.kind ? this.#policies : this.#accounts;
      await client.apply(object, options);
    }
  }

  async status(): Promise<PolicyStatus | undefined> {
    try {
      return (await this.#policies.get(POLICY, NAMESPACE)).status;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** What the controller has told since the last call, oldest first. */
  async news(): Promise<readonly { readonly reason: string; readonly note: string }[]> {
    const { items } = await this.#events.list({ namespace: NAMESPACE });
    const fresh = items.filter(({ metadata }) => !this.#told.has(metadata.name));
    for (const { metadata } of fresh) this.#told.add(metadata.name);
    return fresh
      .toSorted((left, right) => ((left.eventTime ?? '') < (right.eventTime ?? '') ? -1 : 1))
      .map(({ reason = '', note = '' }) => ({ reason, note }));
  }
}
