import {
  DescribeImageAttributeCommand,
  DescribeSnapshotAttributeCommand,
  ListImagesInRecycleBinCommand,
  type ListImagesInRecycleBinCommandOutput,
} from '@aws-sdk/client-ec2';
import type { Clock } from '../ambient/clock.ts';
import type { Answer, Image, Inventory, LaunchGrants, Need, References, Snapshot } from '../policy/model.ts';
import { targetKey } from '../policy/model.ts';
import { lostBySnapshots } from '../policy/removal.ts';
import { TAG } from '../policy/tags.ts';
import { type Attempt, attemptIn, nextAttempt } from '../policy/token.ts';
import { foreignKey } from '../policy/versions.ts';
import type { CallOptions, Ec2Api } from './aws-clients.ts';
import { grantsFrom } from './from-sdk.ts';
import { describeById, listImages, listSnapshots, type Scope } from './listing.ts';
import { Overlay, SETTLES_WITHIN_MS } from './overlay.ts';
import { readReferences } from './references.ts';

/** A complete listing of a target, and when (monotonic milliseconds) it was begun. */
interface Listing {
  readonly images: ReadonlyMap<string, Image>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly scope: Scope;
  readonly begun: number;
}

interface Read<T> {
  readonly answer: Answer<T>;
  readonly at: number;
}

/**
 * What is known of one target, shared by all policies: however many ask, it is listed once. On top of the listing lies
 * what this process has written since (see overlay.ts).
 */
export class TargetInventory {
  readonly overlay: Overlay;
  readonly #ec2: Ec2Api;
  readonly #clock: Clock;
  readonly #awsNow: () => number;
  #scope: Scope;
  #listing: Listing | undefined;
  #running: { readonly listing: Promise<Listing>; readonly begun: number; readonly scope: Scope } | undefined;
  readonly #launchGrants = new Map<string, Read<LaunchGrants>>();
  readonly #volumeGrants = new Map<string, Read<readonly string[]>>();
  readonly #references = new Map<string, Read<References>>();
  #bin: Read<ReadonlySet<string>> | undefined;
  readonly #lost = new Map<string, Attempt>();
  readonly #confirmedGone = new Set<string>();

  constructor(ec2: Ec2Api, clock: Clock, awsNow: () => number, scope: Scope) {
    this.#ec2 = ec2;
    this.#clock = clock;
    this.#awsNow = awsNow;
    this.#scope = scope;
    this.overlay = new Overlay(clock);
  }

  /** From now on every image is listed, because a selector looks for sources here. */
  widen(): void {
    this.#scope = 'own';
  }

  /** When the listing in hand was begun, monotonic milliseconds; undefined before the first. */
  get listedAt(): number | undefined {
    return this.#listing?.scope === this.#scope ? this.#listing.begun : undefined;
  }

  /**
   * Makes sure of a complete listing that was begun at `notBefore` (monotonic milliseconds) or later.
   * @throws AwsError when it could not be listed completely; what was known before is then not used
   */
  async observe(notBefore: number, options: CallOptions): Promise<void> {
    if (this.listedAt !== undefined && this.listedAt >= notBefore) return;
    let running = this.#running;
    if (!running || running.begun < notBefore || running.scope !== this.#scope) {
      const begun = this.#clock.monotonic();
      const scope = this.#scope;
      const listing = this.#list(scope, begun, options);
      running = { listing, begun, scope };
      this.#running = running;
    }
    try {
      this.#listing = await running.listing;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  async #list(scope: Scope, begun: number, options: CallOptions): Promise<Listing> {
    const [images, snapshots] = await Promise.all([
      listImages(this.#ec2, scope, options),
      listSnapshots(this.#ec2, options),
    ]);
    await this.#lookForUnseen(images, options);
    await this.#noticeLost(images, snapshots, options);
    return { images, snapshots, scope, begun };
  }

  /** A copy that listings do not show yet is asked for by its id: it is new, or the id is that of a dead copy. */
  async #lookForUnseen(images: Map<string, Image>, options: CallOptions): Promise<void> {
    for (const { image, attempt, since } of this.overlay.unseen()) {
      if (images.has(image.id)) continue;
      const found = await describeById(this.#ec2, image.id, options);
      if (found.kind === 'there') images.set(image.id, found.image);
      else if (found.kind === 'gone' || this.#clock.monotonic() - since > SETTLES_WITHIN_MS) this.#lose(image, attempt);
    }
  }

  #lose(image: Image, attempt: Attempt): void {
    this.overlay.settled(image.id);
    const sourceId = image.tags[TAG.sourceImage];
    if (sourceId !== undefined)
      this.#lost.set(foreignKey(targetKey(this.#ec2.target), sourceId), nextAttempt(attempt, image.id));
  }

  /**
   * A copy that somebody deregistered has left its snapshots behind. One listing without it proves nothing, so each such
   * image is asked for by its id as well, once.
   */
  async #noticeLost(
    images: ReadonlyMap<string, Image>,
    snapshots: ReadonlyMap<string, Snapshot>,
    options: CallOptions,
  ): Promise<void> {
    const candidates = lostBySnapshots({
      snapshots: snapshots.values(),
      has: (id) => images.has(id),
      now: this.#awsNow(),
    });
    for (const { imageId, sourceId, attempt } of candidates) {
      if (!this.#confirmedGone.has(imageId)) {
        if ((await describeById(this.#ec2, imageId, options)).kind === 'there') continue;
        this.#confirmedGone.add(imageId);
      }
      const key = foreignKey(targetKey(this.#ec2.target), sourceId);
      const next = nextAttempt(attemptIn(attempt), imageId);
      if ((this.#lost.get(key)?.count ?? 0) < next.count) this.#lost.set(key, next);
    }
  }

  /** Copies that are known to be lost, by `foreignKey`: the attempt that comes next. */
  get lost(): ReadonlyMap<string, Attempt> {
    return this.#lost;
  }

  /** Everything known now. Only to be called after `observe` has succeeded. */
  view(): Inventory {
    const images = this.overlay.images(this.#listing?.images ?? new Map());
    const snapshots = this.overlay.snapshots(this.#listing?.snapshots ?? new Map());
    const overlaid = <T>(
      reads: ReadonlyMap<string, Read<T>>,
      lay: (id: string, value: T) => T,
    ): Map<string, Answer<T>> =>
      new Map(
        [...reads].map(([id, { answer }]) => [id, answer.ok ? { ok: true, value: lay(id, answer.value) } : answer]),
      );
    return {
      images,
      snapshots,
      launchGrants: overlaid(this.#launchGrants, (id, grants) => this.overlay.launchGrants(id, grants)),
      volumeGrants: overlaid(this.#volumeGrants, (id, accounts) => this.overlay.volumeGrants(id, accounts)),
      references: new Map([...this.#references].map(([id, { answer }]) => [id, answer])),
      ...(this.#bin && { bin: this.#bin.answer }),
    };
  }

  /**
   * Forgets answers that are older than they may be: permissions before `grantsFrom`, evidence before `evidenceFrom`
   * (monotonic milliseconds), and refusals, which are asked for again.
   */
  expire(grantsFrom: number, evidenceFrom: number): void {
    drop(this.#launchGrants, grantsFrom);
    drop(this.#volumeGrants, grantsFrom);
    drop(this.#references, evidenceFrom);
    if (this.#bin && this.#bin.at < evidenceFrom) this.#bin = undefined;
  }

  /** Asks AWS for what a plan needs to know. A refusal becomes an answer too: the plan says what follows from it. */
  async fetch(need: Need, options: CallOptions): Promise<void> {
    const at = this.#clock.monotonic();
    switch (need.kind) {
      case 'launchGrants':
        this.#launchGrants.set(need.imageId, {
          at,
          answer: await answered(() => this.#readLaunchGrants(need.imageId, options)),
        });
        return;
      case 'volumeGrants':
        this.#volumeGrants.set(need.snapshotId, {
          at,
          answer: await answered(() => this.#readVolumeGrants(need.snapshotId, options)),
        });
        return;
      case 'references':
        this.#references.set(need.imageId, {
          at,
          answer: await readReferences(this.#ec2, need.imageId, options.signal),
        });
        return;
      case 'bin':
        this.#bin = { at, answer: await answered(() => this.#readBin(options)) };
    }
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

async function answered<T>(read: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

function drop<T>(reads: Map<string, Read<T>>, from: number): void {
  for (const [id, { at }] of reads) if (at < from) reads.delete(id);
}
