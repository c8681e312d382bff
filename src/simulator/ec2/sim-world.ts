import type { Clock } from '../../ambient/clock.ts';
import { between, type Random, seededRandom } from '../../ambient/random.ts';
import { managedKey } from './keys.ts';
import { DEFAULT_REGIONS, OPTED_IN_REGIONS, OTHER_REGIONS } from './regions.ts';
import type { Seed } from './seed.ts';
import type { CopySource, PendingImage, PendingSnapshot, Place, SimImage, SimKey, SimSnapshot } from './world.ts';

const DAY_MS = 86_400_000;

interface Shown<T> {
  readonly from: number;
  readonly value: T;
}

/**
 * All accounts and regions. What is written is true at once, and seen later: each write of a resource becomes visible
 * after a delay drawn from the seed, and never before an earlier write of the same resource.
 */
export class SimWorld {
  readonly seed: Seed;
  readonly clock: Clock;
  /** Readers are shown what was visible this long ago. */
  lookBackMs = 0;
  readonly #places = new Map<string, Place>();
  readonly #imageHistory = new Map<string, Shown<SimImage>[]>();
  readonly #snapshotHistory = new Map<string, Shown<SimSnapshot>[]>();
  readonly #seeded: ReadonlySet<string>;

  /** An empty world; `populate` fills it. */
  constructor(seed: Seed, clock: Clock) {
    this.seed = seed;
    this.clock = clock;
    this.#seeded = new Set(Object.values(seed.accounts).flatMap(({ regions }) => Object.keys(regions)));
  }

  /** In whole milliseconds, like all times of the world. */
  now(): number {
    return Math.floor(this.clock.now());
  }

  /** Randomness for one purpose: what others draw does not change it. */
  stream(purpose: string): Random {
    // FNV-1a, over the characters of the seed and the purpose.
    let hash = 0x811c9dc5;
    for (const character of `${this.seed.seed} ${purpose}`)
      hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
    return seededRandom(hash);
  }

  regionsOf(account: string): { readonly name: string; readonly optIn: boolean; readonly enabled: boolean }[] {
    const disabled = new Set(this.seed.accounts[account]?.disabledRegions);
    const region = (
      name: string,
      optIn: boolean,
      known = true,
    ): { name: string; optIn: boolean; enabled: boolean } => ({
      name,
      optIn,
      enabled: known && !disabled.has(name),
    });
    return [
      ...DEFAULT_REGIONS.map((name) => region(name, false)),
      ...OPTED_IN_REGIONS.map((name) => region(name, true)),
      ...OTHER_REGIONS.map((name) => region(name, true, this.#seeded.has(name))),
    ];
  }

  isEnabled(account: string, region: string): boolean {
    return this.regionsOf(account).some(({ name, enabled }) => enabled && name === region);
  }

  place(account: string, region: string): Place {
    const key = `${account}/${region}`;
    const known = this.#places.get(key);
    if (known) return known;
    const seeded = this.seed.accounts[account]?.regions[region];
    const random = this.stream(`ids ${key}`);
    const keys: SimKey[] = (seeded?.keys ?? []).map(({ grantsTo, ...key }) => ({
      ...key,
      grantsTo: [...grantsTo].sort(),
      arn: `arn:aws:kms:${region}:${account}:key/${[8, 4, 4, 4, 12].map((length) => hex(random, length)).join('-')}`,
    }));
    const wanted = seeded?.defaultEncryption?.kmsKeyId;
    const own = keys.find(({ alias }) => alias === wanted)?.arn;
    const place: Place = {
      account,
      region,
      random,
      lags: this.stream(`lags ${key}`),
      images: new Map(),
      snapshots: new Map(),
      pendingImages: new Map(),
      pendingSnapshots: new Map(),
      tokens: new Map(),
      instances: [],
      templates: [],
      usageReports: new Map(),
      parameters: new Map(),
      keys,
      bin: new Map(),
      allowedImages: seeded?.allowedImages ?? { state: 'disabled', providers: [] },
      binDays: seeded?.recycleBin?.retentionDays,
      snapshotBin: new Map(),
      snapshotBinDays: seeded?.recycleBin?.snapshotRetentionDays,
      encryptByDefault: seeded?.defaultEncryption?.enabled ?? false,
      defaultKey: own ?? (wanted?.startsWith('arn:') ? wanted : managedKey(account, region)),
      publicBlockedFrom: 0,
    };
    this.#places.set(key, place);
    return place;
  }

  places(): readonly Place[] {
    return [...this.#places.values()];
  }

  id(place: Place, prefix: string): string {
    return `${prefix}-${hex(place.random, 17)}`;
  }

  /** How long a copy takes that starts now. */
  copyMs(place: Place): number {
    const [low, high] = this.seed.copySeconds;
    return between(place.random, low * 1000, high * 1000);
  }

  /** Makes an image true now, and visible a moment later. */
  putImage(image: SimImage, seenAt?: number): void {
    const place = this.place(image.account, image.region);
    place.images.set(image.id, image);
    this.#show(this.#imageHistory, place, image.id, image, seenAt);
  }

  putSnapshot(snapshot: SimSnapshot, seenAt?: number): void {
    const place = this.place(snapshot.account, snapshot.region);
    place.snapshots.set(snapshot.id, snapshot);
    this.#show(this.#snapshotHistory, place, snapshot.id, snapshot, seenAt);
  }

  #show<T>(histories: Map<string, Shown<T>[]>, place: Place, id: string, value: T, seenAt: number | undefined): void {
    const history = histories.get(id) ?? [];
    const [low, high] = this.seed.consistencySeconds;
    const from = seenAt ?? this.now() + between(place.lags, low * 1000, high * 1000);
    history.push({ from: Math.max(from, history.at(-1)?.from ?? 0), value });
    histories.set(id, history);
  }

  /** An image as readers see it now; undefined while its creation is not visible. */
  seenImage(id: string): SimImage | undefined {
    return seen(this.#imageHistory.get(id), this.now() - this.lookBackMs, this.now());
  }

  seenSnapshot(id: string): SimSnapshot | undefined {
    return seen(this.#snapshotHistory.get(id), this.now() - this.lookBackMs, this.now());
  }

  findImage(id: string, region: string): SimImage | undefined {
    for (const place of this.#places.values()) {
      if (place.region !== region) continue;
      const image = place.images.get(id);
      if (image) return image;
    }
    return undefined;
  }

  findSnapshot(id: string, region: string): SimSnapshot | undefined {
    for (const place of this.#places.values()) {
      if (place.region !== region) continue;
      const snapshot = place.snapshots.get(id);
      if (snapshot) return snapshot;
    }
    return undefined;
  }

  /** Brings everything up to now: copies end, bins empty. */
  settle(): void {
    const now = this.now();
    for (const place of this.#places.values()) {
      for (const pending of place.pendingImages.values()) if (pending.endsAt <= now) this.#endImage(place, pending);
      for (const pending of place.pendingSnapshots.values())
        if (pending.endsAt <= now) this.#endSnapshotCopy(place, pending);
      for (const [id, { enteredAt }] of place.bin) {
        if (place.binDays !== undefined && now - enteredAt > place.binDays * DAY_MS) place.bin.delete(id);
      }
      for (const [id, { enteredAt }] of place.snapshotBin) {
        if (now - enteredAt > (place.snapshotBinDays ?? 0) * DAY_MS) place.snapshotBin.delete(id);
      }
    }
  }

  #endImage(place: Place, { imageId, endsAt, failure: known, source }: PendingImage): void {
    place.pendingImages.delete(imageId);
    const failure = known ?? this.#missing(source);
    const image = place.images.get(imageId);
    for (const { snapshotId } of image?.volumes ?? []) this.#endSnapshot(place, snapshotId, endsAt, failure);
    if (image?.state !== 'pending') return;
    this.putImage(
      failure === undefined
        ? { ...image, state: 'available' }
        : { ...image, state: 'failed', stateReason: 'Copy image failed with an internal error' },
      endsAt,
    );
  }

  #endSnapshotCopy(place: Place, { snapshotId, endsAt, failure, source }: PendingSnapshot): void {
    place.pendingSnapshots.delete(snapshotId);
    this.#endSnapshot(place, snapshotId, endsAt, failure ?? this.#missing(source));
  }

  #endSnapshot(place: Place, id: string, at: number, failure: string | undefined): void {
    const snapshot = place.snapshots.get(id);
    if (snapshot?.state !== 'pending') return;
    const deleted = snapshot.deleted || snapshot.deleteWhenDone === true;
    this.putSnapshot(
      failure === undefined
        ? { ...snapshot, state: 'completed', deleted }
        : { ...snapshot, state: 'error', stateMessage: failure, deleted },
      at,
    );
  }

  /** What a copy is made from must be there until it is done. */
  #missing(source: CopySource | undefined): string | undefined {
    const gone = source?.snapshotIds.find((id) => this.findSnapshot(id, source.region)?.deleted !== false);
    return gone === undefined ? undefined : `The source snapshot ${gone} is no longer available`;
  }
}

/** How far back a reader may be shown what was. */
const REMEMBERED_MS = 10 * 60_000;

function seen<T>(history: Shown<T>[] | undefined, at: number, now: number): T | undefined {
  if (!history) return undefined;
  while (history[1] && history[1].from <= now - REMEMBERED_MS) history.shift();
  return history.findLast(({ from }) => from <= at)?.value;
}

function hex(random: Random, length: number): string {
  return Array.from({ length }, () => Math.floor(random.next() * 16).toString(16)).join('');
}
