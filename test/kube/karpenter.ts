import type { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { ALL_VERBS, type ResourceType } from '../../src/simulator/kube/resource-type.ts';

/** The kind of Karpenter that tells which images nodes are launched from, as far as it tells that. */
export function nodeClassKind(version: string): ResourceType {
  return {
    group: 'karpenter.k8s.aws',
    version,
    plural: 'ec2nodeclasses',
    singular: 'ec2nodeclass',
    kind: 'EC2NodeClass',
    listKind: 'EC2NodeClassList',
    shortNames: [],
    categories: ['karpenter'],
    namespaced: false,
    verbs: ALL_VERBS,
    origin: 'custom',
    hasStatus: true,
    schema: {
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    columns: [],
    unconditionalUpdate: false,
    createOnUpdate: false,
    nameRule: 'subdomain',
    selectableFields: [],
    storage: 'ec2nodeclasses.karpenter.k8s.aws',
  };
}

/** A cluster as people and Karpenter change it. */
export class Karpenter {
  readonly #kube: KubeSimulator;
  readonly #path: string;

  constructor(kube: KubeSimulator, version: string) {
    this.#kube = kube;
    this.#path = `/apis/karpenter.k8s.aws/${version}/ec2nodeclasses`;
  }

  /** Somebody makes a node class, or changes its terms. @returns its generation */
  apply(name: string, terms: readonly object[]): number {
    const [, , group, version] = this.#path.split('/');
    const spec = { amiSelectorTerms: terms };
    const body = { apiVersion: `${group}/${version}`, kind: 'EC2NodeClass', metadata: { name }, spec };
    const query = 'fieldManager=operator&force=true';
    const type = 'application/apply-patch+yaml';
    const { metadata } = JSON.parse(this.#send('PATCH', `${this.#path}/${name}?${query}`, type, body)) as {
      metadata: { generation: number };
    };
    return metadata.generation;
  }

  /** Karpenter writes down which images the terms of a generation give. */
  choose(name: string, ids: readonly string[], observedGeneration: number, isReady = 'True'): void {
    const conditions = [{ type: 'AMIsReady', status: isReady, observedGeneration }];
    const status = { amis: ids.map((id) => ({ id, name: id, requirements: [] })), conditions };
    this.#send('PATCH', `${this.#path}/${name}/status`, 'application/merge-patch+json', { status });
  }

  remove(name: string): void {
    this.#send('DELETE', `${this.#path}/${name}`, 'application/json', {});
  }

  #send(method: string, url: string, type: string, body: object): string {
    const headers = { 'content-type': type, 'user-agent': 'operator' };
    const answer = this.#kube.handle({ method, url, headers, body: JSON.stringify(body) });
    if (answer.kind !== 'answer' || answer.status >= 300)
      throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
    return answer.body;
  }
}
