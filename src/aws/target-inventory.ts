import type { Clock } from '../ambient/clock.ts';
import { type Owner, type Ownership, ownershipOf } from '../policy/identity.ts';
import { byOwner, indexOf } from '../policy/image-index.ts';
import { lostBySnapshots } from '../policy/leftovers.ts';
import type { Image, Inventory, Need, Snapshot, Tags } from '../policy/model.ts';
import { targetKey } from '../policy/model.ts';
import { TAG } from '../policy/tags.ts';
import { type Attempt, attemptIn, nextAttempt } from '../policy/token.ts';
import { foreignKey } from '../policy/versions.ts';
import { Answers, type AnswersFrom } from './answers.ts';
import type { CallOptions, ServiceApi, TargetServices } from './aws-clients.ts';
import { type Census, censusOf } from './census.ts';
import type { Interner } from './interner.ts';
import { keepUnchanged } from './keep-unchanged.ts';
import { describeById, imagesById, listImages, listSnapshots, type Scope } from './listing.ts';
import { Overlay, SETTLES_WITHIN_MS } from './overlay.ts';

/** A complete listing of a target, and when (monotonic milliseconds) it was begun. */
interface Listing {
  readonly images: ReadonlyMap<string, Image>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly scope: Scope;
  readonly begun: number;
  /** Of one of its images or snapshots for each owner: whether it belongs to a policy, or to one that it succeeds. */
  readonly ownedBy: ReturnType<typeof byOwner>;
}

const NOTHING: Pick<Listing, 'images' | 'snapshots' | 'begun'> = { images: new Map(), snapshots: new Map(), begun: 0 };

/**
 * What is known of one target, shared by all policies: however many ask, it is listed once. On top of the listing lies
 * what this process has written since (see overlay.ts).
 */
export class TargetInventory {
  readonly overlay: Overlay;
  readonly #ec2: ServiceApi;
  readonly #clock: Clock;
  readonly #awsNow: () => number;
  readonly #interner: Interner;
  #scope: Scope;
  #listing: Listing | undefined;
  #running: { readonly listing: Promise<Listing>; readonly begun: number; readonly scope: Scope } | undefined;
  readonly #answers: Answers;
  readonly #lost = new Map<string, Attempt>();
  readonly #confirmedGone = new Set<string>();
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Of which listing, and for which cluster, the census was taken last. */
  #counted: { readonly listing: Listing; readonly cluster: string; readonly census: Census } | undefined;

  /** @param interner shared by all targets, which have much in common */
  constructor(services: TargetServices, clock: Clock, awsNow: () => number, scope: Scope, interner: Interner) {
    this.#interner = interner;
    this.#ec2 = services.ec2;
    this.#clock = clock;
    this.#awsNow = awsNow;
    this.#scope = scope;
    this.overlay = new Overlay(clock, awsNow);
    this.#answers = new Answers(services, clock, this.overlay);
  }

  /** From now on every image is listed, because a selector looks for sources here. */
  widen(): void {
    this.#scope = 'own';
  }

  /** When the listing in hand was begun, monotonic milliseconds; undefined before the first. */
  get listedAt(): number | undefined {
    return this.#listing?.scope === this.#scope ? this.#listing.begun : undefined;
  }

  /** When somebody last wanted to know of this target, monotonic milliseconds. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** Whether a further look will soon show something else: images are being made, or own writes are not visible yet. */
  get isMoving(): boolean {
    if (this.overlay.isUnsettled) return true;
    return this.#listing !== undefined && indexOf(this.#listing.images).unfinished.length > 0;
  }

  /**
   * Makes sure of a complete listing that was begun at `notBefore` (monotonic milliseconds) or later.
   * @throws AwsError when it could not be listed completely; what was known before is then not used
   */
  async observe(notBefore: number, options: CallOptions): Promise<void> {
    this.#askedAt = this.#clock.monotonic();
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
      this.#take(await running.listing);
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  /** Listings may end in another order than they were begun in: a newer one is never replaced by an older one. */
  #take(listing: Listing): void {
    const known = this.#listing;
    if (known && (known.begun > listing.begun || (known.begun === listing.begun && known.scope === 'own'))) return;
    this.#listing = listing;
    this.#answers.keepOnly(listing.images);
  }

  async #list(scope: Scope, begun: number, options: CallOptions): Promise<Listing> {
    this.#interner.tidy(begun);
    const [images, snapshots] = await Promise.all([
      listImages(this.#ec2, scope, options, this.#interner),
      listSnapshots(this.#ec2, options, this.#interner),
    ]);
    await this.#lookForUnseen(images, options);
    await this.#noticeLost(images, snapshots, options);
    const before = this.#listing ?? NOTHING;
    return {
      images: keepUnchanged(before.images, images),
      snapshots: keepUnchanged(before.snapshots, snapshots),
      scope,
      begun,
      ownedBy: byOwner(oneOfEach(images, snapshots)),
    };
  }

  /** A copy that listings do not show yet is asked for by its id: it is new, or the id is that of a dead copy. */
  async #lookForUnseen(images: Map<string, Image>, options: CallOptions): Promise<void> {
    const unseen = this.overlay.unseen().filter(({ image }) => !images.has(image.id));
    // Mostly it is there, and only its tags are not shown yet: one request tells for many.
    const shown = await imagesById(
      this.#ec2,
      unseen.map(({ image }) => image.id),
      options,
    );
    for (const [id, image] of shown) images.set(id, image);
    await Promise.all(
      unseen
        .filter(({ image }) => !images.has(image.id))
        .map(async ({ image, attempt, since }) => {
          const found = await describeById(this.#ec2, image.id, options);
          if (found.kind === 'there') images.set(image.id, found.image);
          else if (found.kind === 'gone' || this.#clock.monotonic() - since > SETTLES_WITHIN_MS)
            this.#lose(image, attempt);
        }),
    );
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
    const unconfirmed = candidates.flatMap(({ imageId }) => (this.#confirmedGone.has(imageId) ? [] : [imageId]));
    const there = await imagesById(this.#ec2, unconfirmed, options);
    for (const { imageId, sourceId, attempt } of candidates) {
      if (there.has(imageId)) continue;
      this.#confirmedGone.add(imageId);
      const key = foreignKey(targetKey(this.#ec2.target), sourceId);
      const next = nextAttempt(attemptIn(attempt), imageId);
      if ((this.#lost.get(key)?.count ?? 0) < next.count) this.#lost.set(key, next);
    }
  }

  /** Whether a policy, or one that it succeeds, has something here, by the last listing and by what was made since. */
  holds(owner: Owner): boolean {
    if ((this.#listing?.ownedBy(owner).length ?? 0) > 0) return true;
    return this.overlay.unseen().some(({ image }) => isOwned(ownershipOf(image.tags, owner)));
  }

  /**
   * What the last listing shows of a cluster, and beside it the copies that were begun since; undefined before the first.
   * It is counted once for each listing, however often it is asked for.
   */
  census(cluster: string): Census | undefined {
    const listing = this.#listing;
    if (!listing) return undefined;
    if (this.#counted?.listing !== listing || this.#counted.cluster !== cluster) {
      const census = censusOf(listing.images.values(), listing.snapshots.values(), cluster);
      this.#counted = { listing, cluster, census };
    }
    const { census } = this.#counted;
    const begun = this.overlay.unseen().filter(({ image }) => !listing.images.has(image.id)).length;
    return { ...census, images: census.images + begun, copying: census.copying + begun };
  }

  /** Copies that are known to be lost, by `foreignKey`: the attempt that comes next. */
  get lost(): ReadonlyMap<string, Attempt> {
    return this.#lost;
  }

  /**
   * Everything known now. Only to be called after `observe` has succeeded. Answers that are older than `from` are left
   * out, and so are refusals of before `from.unanswered`, so that they are asked for again. Nothing is forgotten by that:
   * other policies, which look at the same inventory meanwhile, may be content with it.
   */
  view(from?: AnswersFrom): Inventory {
    const { images, snapshots, begun } = this.#listing ?? NOTHING;
    return {
      ...(this.#listing?.scope === 'own' && { isWhole: true }),
      images: this.overlay.images(images, begun),
      snapshots: this.overlay.snapshots(snapshots, begun),
      ...this.#answers.view(from),
    };
  }

  /** The images that are being made, whoever began them; those whose copying has just begun among them. */
  get pendingImages(): readonly Image[] {
    const { images, begun } = this.#listing ?? NOTHING;
    return indexOf(this.overlay.images(images, begun)).unfinished.filter(({ state }) => state === 'pending');
  }

  /** One image as `view` shows it. */
  image(id: string): Image | undefined {
    const { images, begun } = this.#listing ?? NOTHING;
    return this.overlay.images(only(images, id), begun).get(id);
  }

  /** One snapshot as `view` shows it. */
  snapshot(id: string): Snapshot | undefined {
    const { snapshots, begun } = this.#listing ?? NOTHING;
    return this.overlay.snapshots(only(snapshots, id), begun).get(id);
  }

  parameterPut(name: string, value: string, description: string): void {
    this.#answers.parameterPut(name, value, description);
  }

  parameterDeleted(name: string): void {
    this.#answers.parameterDeleted(name);
  }

  /** An action was just carried out here, and so it is allowed. */
  permitted(action: string): void {
    this.#answers.permitted(action);
  }

  /** Asks AWS for what a plan needs to know, image by image. A refusal becomes an answer too. */
  async fetch(need: Need, options: CallOptions): Promise<void> {
    await this.#answers.fetch(need, options);
  }
}

function only<T>(items: ReadonlyMap<string, T>, id: string): ReadonlyMap<string, T> {
  const item = items.get(id);
  return new Map(item === undefined ? [] : [[id, item]]);
}

function oneOfEach(
  ...lists: readonly ReadonlyMap<string, { readonly tags: Tags }>[]
): Iterable<{ readonly tags: Tags }> {
  const owners = new Map<string, { readonly tags: Tags }>();
  for (const list of lists)
    for (const item of list.values())
      if (item.tags[TAG.sourceImage] !== undefined) owners.set(ownerKey(item.tags), item);
  return owners.values();
}

const isOwned = ({ kind }: Ownership): boolean => kind === 'ours' || kind === 'former';

const ownerKey = (tags: Tags): string =>
  [TAG.policy, TAG.policyUid, TAG.cluster, TAG.sourceAccount, TAG.sourceRegion].map((key) => tags[key]).join(' ');
