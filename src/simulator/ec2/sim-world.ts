import type { Clock } from '../../ambient/clock.ts';
import { between, type Random, seededRandom } from '../../ambient/random.ts';
import { Refusal } from './refusal.ts';
import { DEFAULT_REGIONS, OPT_IN_REGIONS } from './regions.ts';
import type { Seed, SeedImage } from './seed.ts';
import { NOBODY, type Place, type SimImage, type SimSnapshot } from './world.ts';

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
  readonly random: Random;
  /** Readers are shown what was visible this long ago. */
  lookBackMs = 0;
  readonly #places = new Map<string, Place>();
  readonly #imageHistory = new Map<string, Shown<SimImage>[]>();
  readonly #snapshotHistory = new Map<string, Shown<SimSnapshot>[]>();

  constructor(seed: Seed, clock: Clock) {
    this.seed = seed;
    this.clock = clock;
    this.random = seededRandom(seed.seed);
    for (const [account, { regions }] of Object.entries(seed.accounts)) {
      for (const region of Object.keys(regions)) this.#populate(this.place(account, region));
    }
  }

  now(): number {
    return this.clock.now();
  }

  get firstAccount(): string {
    return Object.keys(this.seed.accounts)[0] ?? '';
  }

  regionsOf(account: string): { readonly name: string; readonly optIn: boolean; readonly enabled: boolean }[] {
    const disabled = new Set(this.seed.accounts[account]?.disabledRegions);
    return [
      ...DEFAULT_REGIONS.map((name) => ({ name, optIn: false, enabled: !disabled.has(name) })),
      ...OPT_IN_REGIONS.map((name) => ({ name, optIn: true, enabled: !disabled.has(name) })),
    ];
  }

  place(account: string, region: string): Place {
    const key = `${account}/${region}`;
    let place = this.#places.get(key);
    if (!place) {
      const seeded = this.seed.accounts[account]?.regions[region];
      const managed = `arn:aws:kms:${region}:${account}:key/aws-ebs`;
      const keys = (seeded?.keys ?? []).map(({ alias, grantsTo }) => ({
        alias,
        grantsTo,
        arn: `arn:aws:kms:${region}:${account}:key/${this.#hex(8)}-${this.#hex(12)}`,
      }));
      const wanted = seeded?.defaultEncryption?.kmsKeyId;
      place = {
        account,
        region,
        images: new Map(),
        snapshots: new Map(),
        copies: new Map(),
        tokens: new Map(),
        instances: [],
        templates: [],
        keys,
        bin: new Map(),
        encryptByDefault: seeded?.defaultEncryption?.enabled ?? false,
        defaultKey: keys.find(({ alias, arn }) => alias === wanted || arn === wanted)?.arn ?? managed,
        binDays: seeded?.recycleBin?.retentionDays,
      };
      this.#places.set(key, place);
    }
    return place;
  }

  places(): readonly Place[] {
    return [...this.#places.values()];
  }

  id(prefix: string): string {
    return `${prefix}-${this.#hex(17)}`;
  }

  #hex(length: number): string {
    return Array.from({ length }, () => Math.floor(this.random.next() * 16).toString(16)).join('');
  }

  /** Makes an image true now, and visible a moment later. */
  putImage(image: SimImage, seenAt?: number): void {
    this.place(image.account, image.region).images.set(image.id, image);
    this.#show(this.#imageHistory, image.id, image, seenAt);
  }

  putSnapshot(snapshot: SimSnapshot, seenAt?: number): void {
    this.place(snapshot.account, snapshot.region).snapshots.set(snapshot.id, snapshot);
    this.#show(this.#snapshotHistory, snapshot.id, snapshot, seenAt);
  }

  #show<T>(histories: Map<string, Shown<T>[]>, id: string, value: T, seenAt: number | undefined): void {
    const history = histories.get(id) ?? [];
    const [low, high] = this.seed.consistencySeconds;
    const from = seenAt ?? this.now() + between(this.random, low * 1000, high * 1000);
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
      for (const copy of [...place.copies.values()])
        if (copy.endsAt <= now) this.#endCopy(place, copy.imageId, copy.endsAt, copy.failure);
      for (const [id, { enteredAt }] of place.bin) {
        if (place.binDays !== undefined && now - enteredAt > place.binDays * DAY_MS) place.bin.delete(id);
      }
    }
  }

  #endCopy(place: Place, imageId: string, at: number, failure: string | undefined): void {
    place.copies.delete(imageId);
    const image = place.images.get(imageId);
    for (const { snapshotId } of image?.volumes ?? []) {
      const snapshot = place.snapshots.get(snapshotId);
      if (snapshot?.state === 'pending')
        this.putSnapshot({ ...snapshot, state: failure === undefined ? 'completed' : 'error' }, at);
    }
    if (image?.state !== 'pending') return;
    this.putImage(
      failure === undefined ? { ...image, state: 'available' } : { ...image, state: 'failed', stateReason: failure },
      at,
    );
  }

  #populate(place: Place): void {
    const seeded = this.seed.accounts[place.account]?.regions[place.region];
    if (!seeded) return;
    for (const image of seeded.images) this.#addImage(place, image);
    const idOf = (nameOrId: string): string => {
      const found = [...place.images.values()].find(({ id, name }) => id === nameOrId || name === nameOrId);
      if (!found)
        throw new Error(`the seed cannot be used: ${place.account}.${place.region}: there is no image ${nameOrId}`);
      return found.id;
    };
    for (const { image, tags } of seeded.instances)
      place.instances.push({ id: this.id('i'), imageId: idOf(image), tags });
    for (const { name, image } of seeded.launchTemplates)
      place.templates.push({ id: this.id('lt'), name, imageId: idOf(image) });
  }

  #addImage(place: Place, given: SeedImage): void {
    const now = this.now();
    const createdAt = Math.floor((now - given.ageDays * DAY_MS) / 1000) * 1000;
    const key = given.kmsKeyId === undefined ? place.defaultKey : keyArn(place, given.kmsKeyId);
    const volumes = given.volumesGiB.map((sizeGiB, index) => {
      const id = this.id('snap');
      const encryption = { encrypted: given.encrypted, ...(given.encrypted && key !== undefined && { kmsKeyId: key }) };
      this.putSnapshot(
        {
          id,
          account: place.account,
          region: place.region,
          state: 'completed',
          startedAt: createdAt,
          completesAt: createdAt,
          description: '',
          tags: {},
          sizeGiB,
          permissions: [],
          deleted: false,
          ...encryption,
        },
        createdAt,
      );
      return {
        device: index === 0 ? '/dev/xvda' : `/dev/sd${String.fromCharCode(97 + index)}`,
        snapshotId: id,
        sizeGiB,
        ...encryption,
      };
    });
    this.putImage(
      {
        id: given.id ?? this.id('ami'),
        account: place.account,
        region: place.region,
        name: given.name,
        description: given.description ?? '',
        state: given.state,
        createdAt,
        architecture: given.architecture,
        tags: given.tags,
        permissions: given.launchPermissions ?? NOBODY,
        volumes,
        protection: given.deregistrationProtection ? 'enabled-without-cooldown' : 'disabled',
        ...(given.lastLaunchedDays !== undefined && { lastLaunchedAt: now - given.lastLaunchedDays * DAY_MS }),
        productCodes: given.productCodes,
      },
      createdAt,
    );
  }
}

/** How far back a reader may be shown what was. */
const REMEMBERED_MS = 10 * 60_000;

function seen<T>(history: Shown<T>[] | undefined, at: number, now: number): T | undefined {
  if (!history) return undefined;
  while (history[1] && history[1].from <= now - REMEMBERED_MS) history.shift();
  return history.findLast(({ from }) => from <= at)?.value;
}

/** The ARN of a key given by alias, id or ARN; undefined when the place has no such key. */
export function keyArn(place: Place, key: string): string | undefined {
  if (key === place.defaultKey) return key;
  return place.keys.find(
    ({ alias, arn }) => key === alias || key === arn || arn.endsWith(`/${key}`) || key.endsWith(`:${alias}`),
  )?.arn;
}

/** @throws Refusal TagLimitExceeded */
export function withTags(
  tags: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const merged = { ...tags, ...more };
  if (Object.keys(merged).length > 50)
    throw new Refusal('TagLimitExceeded', 'The maximum number of Tags allowed is 50');
  return merged;
}
