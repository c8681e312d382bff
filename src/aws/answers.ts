import {
  DescribeImageAttributeCommand,
  DescribeSnapshotAttributeCommand,
  ListImagesInRecycleBinCommand,
  type ListImagesInRecycleBinCommandOutput,
} from '@aws-sdk/client-ec2';
import type { Clock } from '../ambient/clock.ts';
import { isNothing, without } from '../policy/launch-grants.ts';
import {
  type AllowedImages,
  type Answer,
  type EncryptionDefaults,
  type Image,
  type Inventory,
  type Key,
  type LaunchGrants,
  listingKey,
  type Need,
  type OwnParameter,
  type Parameter,
  type References,
  subjectOf,
  type UsageReport,
} from '../policy/model.ts';
import { readAllowedImages } from './allowed-images.ts';
import type { CallOptions, ServiceApi, TargetServices } from './aws-clients.ts';
import { readEncryption, readKey, readPublicBlocked, readSnapshotKey } from './encryption-settings.ts';
import { grantsFrom } from './from-sdk.ts';
import { listMadeFrom } from './listing.ts';
import { type Overlay, SETTLES_WITHIN_MS } from './overlay.ts';
import { listOwnParameters, readDescription, readParameter } from './parameters.ts';
import { Permissions } from './permissions.ts';
import { readReferences } from './references.ts';
import { listShared } from './shared-images.ts';
import { readUsageReport } from './usage-reports.ts';

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

const FROM_THE_START: AnswersFrom = { grants: Number.NEGATIVE_INFINITY, evidence: Number.NEGATIVE_INFINITY };

/** What no listing tells, and what is therefore asked image by image, only where a plan depends on it. */
export class Answers {
  readonly #ec2: ServiceApi;
  readonly #kms: ServiceApi;
  readonly #ssm: ServiceApi;
  readonly #clock: Clock;
  readonly #overlay: Overlay;
  readonly #launchGrants = new Map<string, Read<LaunchGrants>>();
  readonly #volumeGrants = new Map<string, Read<readonly string[]>>();
  readonly #references = new Map<string, Read<References>>();
  readonly #usageReports = new Map<string, Read<UsageReport>>();
  readonly #keys = new Map<string, Read<Key>>();
  readonly #snapshotKeys = new Map<string, Read<string>>();
  readonly #sharedImages = new Map<string, Read<ReadonlyMap<string, Image>>>();
  readonly #madeFrom = new Map<string, Read<readonly Image[]>>();
  readonly #encryption = new Map<'encryption', Read<EncryptionDefaults>>();
  readonly #parameters = new Map<string, Read<Parameter | undefined>>();
  readonly #descriptions = new Map<string, Read<string | undefined>>();
  readonly #pointed = new Map<string, OwnParameter & { readonly value: string; readonly at: number }>();
  readonly #ownParameters = new Map<string, Read<readonly OwnParameter[]>>();
  readonly #publicBlocked = new Map<'publicBlocked', Read<boolean>>();
  readonly #permissions: Permissions;
  readonly #allowedImages = new Map<'allowed', Read<AllowedImages>>();
  readonly #bin = new Map<'bin', Read<ReadonlySet<string>>>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(services: TargetServices, clock: Clock, overlay: Overlay) {
    this.#ec2 = services.ec2;
    this.#kms = services.kms;
    this.#ssm = services.ssm;
    this.#clock = clock;
    this.#overlay = overlay;
    this.#permissions = new Permissions(services.ec2, clock);
  }

  /** Forgets what was asked of images that are not there any more. */
  keepOnly(images: ReadonlyMap<string, unknown>): void {
    for (const reads of [this.#launchGrants, this.#references, this.#usageReports])
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
    const bin = recent(this.#bin, from.evidence, asRead).get('bin');
    for (const [name, { at }] of this.#pointed) if (now - at > SETTLES_WITHIN_MS) this.#pointed.delete(name);
    const ownFrom = this.#pointed.size > 0 ? unanswered : from.evidence;
    // One cluster asks, so that there is one list.
    const [ownParameters] = recent(this.#ownParameters, ownFrom, (_, listed) => this.#withPointed(listed)).values();
    const publicBlocked = recent(this.#publicBlocked, from.evidence, asRead).get('publicBlocked');
    const allowedImages = recent(this.#allowedImages, from.denied ?? from.grants, asRead).get('allowed');
    const encryption = recent(this.#encryption, from.evidence, asRead).get('encryption');
    return {
      launchGrants: recent(this.#launchGrants, verified, (id, grants, at) => overlay.launchGrants(id, grants, at)),
      volumeGrants: recent(this.#volumeGrants, verified, (id, given, at) => overlay.volumeGrants(id, given, at)),
      references: recent(this.#references, from.evidence, asRead),
      usageReports: recent(this.#usageReports, from.evidence, (id, report, at) => overlay.usageReport(id, report, at)),
      keys: recent(this.#keys, from.evidence, asRead),
      // The key of a snapshot never changes.
      snapshotKeys: recent(this.#snapshotKeys, Number.NEGATIVE_INFINITY, asRead),
      parameters: recent(this.#parameters, (name) => (this.#pointed.has(name) ? unanswered : from.evidence), asRead),
      descriptions: recent(this.#descriptions, from.evidence, asRead),
      pointed: new Map([...this.#pointed].map(([name, { value }]) => [name, value])),
      ...(ownParameters && { ownParameters }),
      ...(publicBlocked && { publicBlocked }),
      sharedImages: recent(this.#sharedImages, from.listing ?? from.evidence, asRead),
      madeFrom: recent(this.#madeFrom, from.listing ?? from.evidence, asRead),
      permissions: this.#permissions.since(from),
      ...(encryption && { encryption }),
      ...(allowedImages && { allowedImages }),
      ...(bin && { bin }),
    };
  }

  /** A parameter was set: what it shows must be read back, and may be the old value for a while. */
  parameterPut(name: string, value: string, description: string): void {
    this.#pointed.set(name, { name, description, value, at: this.#clock.monotonic() });
    this.#parameters.delete(name);
    this.#descriptions.delete(name);
  }

  parameterDeleted(name: string): void {
    this.#pointed.delete(name);
    this.#parameters.delete(name);
    this.#ownParameters.clear();
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
      case 'launchGrants':
        await this.#askLaunchGrants(need.imageId, at, options);
        return;
      case 'volumeGrants':
        this.#volumeGrants.set(need.snapshotId, {
          at,
          answer: await answered(() => this.#readVolumeGrants(need.snapshotId, options), options.signal),
        });
        return;
      case 'references':
        this.#references.set(need.imageId, {
          at,
          answer: await readReferences(this.#ec2, need.imageId, options.signal),
        });
        return;
      case 'usageReport':
        this.#usageReports.set(need.imageId, {
          at,
          answer: await answered(() => readUsageReport(this.#ec2, need.imageId, options), options.signal),
        });
        return;
      case 'key':
        this.#keys.set(need.key, {
          at,
          answer: await answered(() => readKey(this.#kms, need.key, options), options.signal),
        });
        return;
      case 'snapshotKey':
        this.#snapshotKeys.set(need.snapshotId, {
          at,
          answer: await answered(() => readSnapshotKey(this.#ec2, need.snapshotId, options), options.signal),
        });
        return;
      case 'parameter':
        this.#parameters.set(need.name, {
          at,
          answer: await answered(() => readParameter(this.#ssm, need.name, options), options.signal),
        });
        return;
      case 'description':
        this.#descriptions.set(need.name, {
          at,
          answer: await answered(() => readDescription(this.#ssm, need.name, options), options.signal),
        });
        return;
      case 'ownParameters':
        this.#ownParameters.set(need.cluster, {
          at,
          answer: await answered(() => listOwnParameters(this.#ssm, need.cluster, options), options.signal),
        });
        return;
      case 'publicBlocked':
        this.#publicBlocked.set('publicBlocked', {
          at,
          answer: await answered(() => readPublicBlocked(this.#ec2, options), options.signal),
        });
        return;
      case 'sharedImages':
        // A selector that was changed is not asked for again.
        for (const [key, read] of this.#sharedImages) if (at - read.at > HOUR_MS) this.#sharedImages.delete(key);
        this.#sharedImages.set(listingKey(need.listing), {
          at,
          answer: await answered(() => listShared(this.#ec2, need.listing, options), options.signal),
        });
        return;
      case 'madeFrom':
        await this.#askMadeFrom(need.sourceIds, at, options);
        return;
      case 'encryption':
        this.#encryption.set('encryption', {
          at,
          answer: await answered(() => readEncryption(this.#ec2, options), options.signal),
        });
        return;
      case 'allowedImages':
        this.#allowedImages.set('allowed', {
          at,
          answer: await answered(() => readAllowedImages(this.#ec2, options), options.signal),
        });
        return;
      case 'permission':
        await this.#permissions.ask(need.probe, options);
        return;
      case 'bin':
        this.#bin.set('bin', { at, answer: await answered(() => this.#readBin(options), options.signal) });
    }
  }

  /** One listing tells of many; each of them is an answer of its own. */
  async #askMadeFrom(sourceIds: readonly string[], at: number, options: CallOptions): Promise<void> {
    for (const [id, read] of this.#madeFrom) if (at - read.at > HOUR_MS) this.#madeFrom.delete(id);
    const made = await answered(() => listMadeFrom(this.#ec2, sourceIds, options), options.signal);
    for (const id of sourceIds)
      this.#madeFrom.set(id, { at, answer: made.ok ? { ok: true, value: made.value.get(id) ?? [] } : made });
  }

  async #askLaunchGrants(imageId: string, at: number, options: CallOptions): Promise<void> {
    const answer = await answered(() => this.#readLaunchGrants(imageId, options), options.signal);
    const before = this.#launchGrants.get(imageId)?.answer;
    if (answer.ok && before?.ok && !isNothing(without(answer.value, before.value)))
      this.#overlay.usageOutdated(imageId);
    this.#launchGrants.set(imageId, { at, answer });
  }

  async #readLaunchGrants(imageId: string, options: CallOptions): Promise<LaunchGrants> {
    const answer = await this.#ec2.send(
      new DescribeImageAttributeCommand({ ImageId: imageId, Attribute: 'launchPermission' }),
      options,
    );
    return grantsFrom(answer.LaunchPermissions);
  }

  async #readVolumeGrants(snapshotId: string, options: CallOptions): Promise<readonly string[]> {
    const answer = await this.#ec2.send(
      new DescribeSnapshotAttributeCommand({ SnapshotId: snapshotId, Attribute: 'createVolumePermission' }),
      options,
    );
    return (answer.CreateVolumePermissions ?? [])
      .flatMap(({ UserId }) => (UserId === undefined ? [] : [UserId]))
      .sort();
  }

  async #readBin(options: CallOptions): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    let token: string | undefined;
    do {
      const page: ListImagesInRecycleBinCommandOutput = await this.#ec2.send(
        new ListImagesInRecycleBinCommand({ MaxResults: 1000, ...(token !== undefined && { NextToken: token }) }),
        options,
      );
      for (const { ImageId } of page.Images ?? []) if (ImageId !== undefined) ids.add(ImageId);
      token = page.NextToken || undefined;
    } while (token !== undefined);
    return ids;
  }
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

async function answered<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<Answer<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    signal?.throwIfAborted();
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}
