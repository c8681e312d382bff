import type { Clock } from '../ambient/clock.ts';
import { isNothing, without } from '../policy/launch-grants.ts';
import { type Answer, type Inventory, type Need, type OwnParameter, subjectOf } from '../policy/model.ts';
import type { CallOptions, TargetServices } from './aws-clients.ts';
import { type Overlay, SETTLES_WITHIN_MS } from './overlay.ts';
import { Permissions } from './permissions.ts';
import { ask, askMadeFrom, type Kind, type Needs, type Told } from './questions.ts';

interface Read<T> {
  readonly answer: Answer<T>;
  /** When it was asked for, monotonic milliseconds. */
  readonly at: number;
}

/** From when on, in monotonic milliseconds, what was asked image by image is good enough. */
export interface AnswersFrom {
  readonly grants: number;
  /** Permissions are read again after this many milliseconds, and not all at once. Default: never by age alone. */
  readonly verifyMs?: number;
  readonly evidence: number;
  /** Of listings. Default: as `evidence`. */
  readonly listing?: number;
  /** Of what AWS refused, or had no answer to yet. Default: as `evidence`. */
  readonly unanswered?: number;
  /** Of what dry runs have shown to be allowed, and to be denied. Default: as `grants`. */
  readonly allowed?: number;
  readonly denied?: number;
}

const HOUR_MS = 3_600_000;
/** What there is one of in a target. */
const ONLY = '';

const FROM_THE_START: AnswersFrom = { grants: Number.NEGATIVE_INFINITY, evidence: Number.NEGATIVE_INFINITY };

/** By kind of question, and then by what it is about. */
type Reads = { readonly [K in keyof Told]: Map<string, Read<Told[K]>> };

/** What no listing tells, and what is therefore asked image by image, only where a plan depends on it. */
export class Answers {
  readonly #services: TargetServices;
  readonly #clock: Clock;
  readonly #overlay: Overlay;
  readonly #reads: Reads = {
    launchGrants: new Map(),
    volumeGrants: new Map(),
    references: new Map(),
    usageReport: new Map(),
    key: new Map(),
    snapshotKey: new Map(),
    sharedImages: new Map(),
    madeFrom: new Map(),
    encryption: new Map(),
    publicBlocked: new Map(),
    parameter: new Map(),
    description: new Map(),
    ownParameters: new Map(),
    allowedImages: new Map(),
    bin: new Map(),
    locks: new Map(),
  };
  readonly #permissions: Permissions;
  readonly #pointed = new Map<string, OwnParameter & { readonly value: string; readonly at: number }>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(services: TargetServices, clock: Clock, overlay: Overlay) {
    this.#services = services;
    this.#clock = clock;
    this.#overlay = overlay;
    this.#permissions = new Permissions(services.ec2, clock);
  }

  /** Forgets what was asked of images that are not there any more. */
  keepOnly(images: ReadonlyMap<string, unknown>): void {
    for (const reads of [this.#reads.launchGrants, this.#reads.references, this.#reads.usageReport])
      for (const id of reads.keys()) if (!images.has(id)) reads.delete(id);
  }

  /**
   * Every answer that is not older than `from`; refusals of before `from.unanswered` are left out, so that they are asked
   * for again. Nothing is forgotten by that: other policies, which work at the same time, may be content with it.
   */
  view(from: AnswersFrom = FROM_THE_START): Omit<Inventory, 'images' | 'snapshots'> {
    const { unanswered = from.evidence, verifyMs } = from;
    const now = this.#clock.monotonic();
    // Each is due between half and the whole of the interval, by its id: so a resync reads its share and no more.
    const verified = (id: string): number => {
      if (verifyMs === undefined) return from.grants;
      // What was read before our own write says nothing of what became of it.
      const unseen = this.#overlay.hasUnseenGrants(id) ? now - SETTLES_WITHIN_MS : Number.NEGATIVE_INFINITY;
      return Math.max(from.grants, unseen, now - verifyMs * (0.5 + 0.5 * fractionOf(id)));
    };
    const recent = <T>(
      reads: ReadonlyMap<string, Read<T>>,
      since: number | ((id: string) => number),
      lay: (id: string, value: T, at: number) => T,
    ): Map<string, Answer<T>> => {
      const answers = new Map<string, Answer<T>>();
      for (const [id, { answer, at }] of reads) {
        const now: Answer<T> = answer.ok ? { ok: true, value: lay(id, answer.value, at) } : answer;
        const from = typeof since === 'number' ? since : since(id);
        if (at >= (now.ok && !isOpen(now.value) ? from : unanswered)) answers.set(id, now);
      }
      return answers;
    };
    const asRead = <T>(_: string, value: T): T => value;
    const overlay = this.#overlay;
    const bin = recent(this.#reads.bin, from.evidence, asRead).get(ONLY);
    const locks = recent(this.#reads.locks, from.evidence, asRead).get(ONLY);
    for (const [name, { at }] of this.#pointed) if (now - at > SETTLES_WITHIN_MS) this.#pointed.delete(name);
    const ownFrom = this.#pointed.size > 0 ? unanswered : from.evidence;
    // One cluster asks, so that there is one list.
    const [ownParameters] = recent(this.#reads.ownParameters, ownFrom, (_, listed) =>
      this.#withPointed(listed),
    ).values();
    const publicBlocked = recent(this.#reads.publicBlocked, from.evidence, asRead).get(ONLY);
    const allowedImages = recent(this.#reads.allowedImages, from.denied ?? from.grants, asRead).get(ONLY);
    const encryption = recent(this.#reads.encryption, from.evidence, asRead).get(ONLY);
    return {
      launchGrants: recent(this.#reads.launchGrants, verified, (id, grants, at) =>
        overlay.launchGrants(id, grants, at),
      ),
      volumeGrants: recent(this.#reads.volumeGrants, verified, (id, given, at) => overlay.volumeGrants(id, given, at)),
      references: recent(this.#reads.references, from.evidence, asRead),
      usageReports: recent(this.#reads.usageReport, from.evidence, (id, report, at) =>
        overlay.usageReport(id, report, at),
      ),
      keys: recent(this.#reads.key, from.evidence, asRead),
      // The key of a snapshot never changes.
      snapshotKeys: recent(this.#reads.snapshotKey, Number.NEGATIVE_INFINITY, asRead),
      parameters: recent(
        this.#reads.parameter,
        (name) => (this.#pointed.has(name) ? unanswered : from.evidence),
        asRead,
      ),
      descriptions: recent(this.#reads.description, from.evidence, asRead),
      pointed: new Map([...this.#pointed].map(([name, { value }]) => [name, value])),
      ...(ownParameters && { ownParameters }),
      ...(publicBlocked && { publicBlocked }),
      sharedImages: recent(this.#reads.sharedImages, from.listing ?? from.evidence, asRead),
      madeFrom: recent(this.#reads.madeFrom, from.listing ?? from.evidence, asRead),
      permissions: this.#permissions.since(from),
      ...(encryption && { encryption }),
      ...(allowedImages && { allowedImages }),
      ...(bin && { bin }),
      ...(locks && { locks }),
    };
  }

  /** A parameter was set: what it shows must be read back, and may be the old value for a while. */
  parameterPut(name: string, value: string, description: string): void {
    this.#pointed.set(name, { name, description, value, at: this.#clock.monotonic() });
    this.#reads.parameter.delete(name);
    this.#reads.description.delete(name);
  }

  parameterDeleted(name: string): void {
    this.#pointed.delete(name);
    this.#reads.parameter.delete(name);
    this.#reads.ownParameters.clear();
  }

  /** SSM lists a parameter only once it has checked the value. */
  #withPointed(listed: readonly OwnParameter[]): readonly OwnParameter[] {
    const others = listed.filter(({ name }) => !this.#pointed.has(name));
    return [...others, ...[...this.#pointed.values()].map(({ name, description }) => ({ name, description }))];
  }

  /** What was done a moment ago need not be asked. */
  permitted(action: string): void {
    this.#permissions.permitted(action);
  }

  /**
   * Asks AWS for what a plan needs to know. A refusal becomes an answer too: the plan says what follows from it. All who
   * ask the same at a time share one request.
   */
  async fetch(need: Need, options: CallOptions): Promise<void> {
    const key = `${need.kind} ${subjectOf(need)}`;
    let asking = this.#asking.get(key);
    if (!asking) {
      asking = this.#ask(need, options).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    await asking;
  }

  async #ask(need: Need, options: CallOptions): Promise<void> {
    const at = this.#clock.monotonic();
    switch (need.kind) {
      case 'permission':
        await this.#permissions.ask(need.probe, options);
        return;
      case 'madeFrom':
        forgetOld(this.#reads.madeFrom, at);
        for (const [id, answer] of await askMadeFrom(this.#services, need, options))
          this.#reads.madeFrom.set(id, { at, answer });
        return;
      case 'sharedImages':
        // A selector that was changed is not asked for again.
        forgetOld(this.#reads.sharedImages, at);
        await this.#askOne(need.kind, need, at, options);
        return;
      case 'launchGrants': {
        const before = this.#reads.launchGrants.get(need.imageId)?.answer;
        const answer = await this.#askOne(need.kind, need, at, options);
        if (answer.ok && before?.ok && !isNothing(without(answer.value, before.value)))
          this.#overlay.usageOutdated(need.imageId);
        return;
      }
      default:
        await this.#askOne(need.kind, need, at, options);
    }
  }

  async #askOne<K extends Kind>(kind: K, need: Needs[K], at: number, options: CallOptions): Promise<Answer<Told[K]>> {
    const answer = await ask(this.#services, kind, need, options);
    this.#reads[kind].set(subjectOf(need), { at, answer });
    return answer;
  }
}

function forgetOld(reads: Map<string, Read<unknown>>, now: number): void {
  for (const [key, { at }] of reads) if (now - at > HOUR_MS) reads.delete(key);
}

/** From 0 to 1, the same for the same id in every process: FNV-1a over its characters. */
function fractionOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 0x1_0000_0000;
}

/** A usage report that is being made will be another one soon. */
const isOpen = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'pending';
