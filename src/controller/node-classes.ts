import { z } from 'zod';
import type { Clock } from '../ambient/clock.ts';
import { isNotFound } from '../kube/errors.ts';
import { type KubeObject, ResourceClient } from '../kube/resource-client.ts';
import { failureOf } from '../kube/status-failure.ts';
import type { Transport } from '../kube/transport.ts';
import type { Answer } from '../policy/model.ts';
import type { NodeClass } from '../policy/node-classes.ts';
import type { Freshness } from './observe.ts';

const GROUP = 'karpenter.k8s.aws';

/** Karpenter reads what is empty as not given. What it may add later is not known here: a term then gives less than thought. */
const text = z.string().transform((value) => (value === '' ? undefined : value));
const term = z.object({
  id: text.optional(),
  name: text.optional(),
  owner: text.optional(),
  alias: text.optional(),
  ssmParameter: text.optional(),
  tags: z.record(z.string(), z.string()).optional(),
});
const condition = z.object({ type: z.string(), status: z.string(), observedGeneration: z.number().optional() });
/** The part of an EC2NodeClass that tells of images, the same in v1beta1 and v1. */
const nodeClass = z.object({
  metadata: z.object({
    name: z.string(),
    generation: z.number().optional(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.object({ amiSelectorTerms: z.array(term).optional() }).optional(),
  status: z
    .object({ amis: z.array(z.object({ id: z.string() })).optional(), conditions: z.array(condition).optional() })
    .optional(),
});

/**
 * The EC2NodeClasses of the cluster, for all policies. They are read anew before an image goes and otherwise seldom, so
 * they are listed and not watched: nothing here may be older than it seems. A cluster without Karpenter has none.
 */
export class NodeClasses {
  readonly #transport: Transport;
  readonly #clock: Clock;
  #last: { readonly answer: Answer<readonly NodeClass[]>; readonly at: number } | undefined;
  #reading: { readonly answer: Promise<Answer<readonly NodeClass[]>>; readonly at: number } | undefined;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** What is good enough by `fresh` is not read again; who asks while others do shares their answer. Never fails. */
  async read(
    { evidence, unanswered = evidence }: Freshness,
    signal: AbortSignal,
  ): Promise<Answer<readonly NodeClass[]>> {
    const last = this.#last;
    if (last && last.at >= (last.answer.ok ? evidence : unanswered)) return last.answer;
    if (this.#reading && this.#reading.at >= evidence) return await this.#reading.answer;
    const at = this.#clock.monotonic();
    const reading = { at, answer: this.#read(signal) };
    this.#reading = reading;
    const answer = await reading.answer;
    if (this.#reading === reading) this.#reading = undefined;
    if (!this.#last || this.#last.at <= at) this.#last = { answer, at };
    return answer;
  }

  async #read(signal: AbortSignal): Promise<Answer<readonly NodeClass[]>> {
    try {
      for (const version of await this.#versions(signal)) {
        const found = await this.#list(version, signal);
        if (found) return { ok: true, value: found };
      }
      return { ok: true, value: [] };
    } catch (error) {
      return { ok: false, why: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The versions in which the API server has kinds of Karpenter, the preferred one first. */
  async #versions(signal: AbortSignal): Promise<readonly string[]> {
    const response = await this.#transport.send({ method: 'GET', path: `/apis/${GROUP}`, signal });
    const body = await response.text();
    if (response.status === 404) return [];
    if (response.status !== 200) throw failureOf(`discover ${GROUP}`, response, body);
    return apiGroup.parse(JSON.parse(body)).versions.map(({ version }) => version);
  }

  /** Undefined where that version has no such kind. */
  async #list(version: string, signal: AbortSignal): Promise<readonly NodeClass[] | undefined> {
    const kind = { group: GROUP, version, plural: 'ec2nodeclasses', kind: 'EC2NodeClass', namespaced: false };
    try {
      const { items } = await new ResourceClient(this.#transport, kind).list({ signal });
      return items.map(nodeClassFrom);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

const apiGroup = z.object({ versions: z.array(z.object({ version: z.string() })) });

/** @throws Error when it cannot be understood: then it could name any image */
function nodeClassFrom(object: KubeObject): NodeClass {
  const parsed = nodeClass.safeParse(object);
  if (!parsed.success)
    throw new Error(`EC2NodeClass ${object.metadata.name} cannot be understood: ${z.prettifyError(parsed.error)}`);
  const { metadata, spec, status } = parsed.data;
  // Older versions of Karpenter do not say for which generation they have chosen, and of what is being deleted Karpenter
  // writes the newest generation without choosing again (operatorpkg, status/condition_set.go): then nobody knows.
  const isCurrent =
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(
      ({ type, status: is, observedGeneration }) =>
        type === 'AMIsReady' &&
        is === 'True' &&
        observedGeneration !== undefined &&
        observedGeneration === metadata.generation,
    );
  return {
    name: metadata.name,
    terms: spec?.amiSelectorTerms ?? [],
    ...(isCurrent && status?.amis && { chosen: status.amis.map(({ id }) => id) }),
  };
}
