import type { Clock } from '../ambient/clock.ts';
import { hasIdentity } from '../policy/identity.ts';
import type { Image, LaunchGrants, Snapshot, Tags, UsageReport } from '../policy/model.ts';
import type { Attempt } from '../policy/token.ts';

/** How long EC2 may show an old state after a write (ec2-facts 2.4). */
export const SETTLES_WITHIN_MS = 5 * 60_000;

/** How far the time of AWS, as we know it, may be ahead of it. */
const AWS_TIME_WITHIN_MS = 1000;

/** A copy whose id EC2 returned and that no listing has shown yet with its identity. */
export interface Unseen {
  readonly image: Image;
  readonly attempt: Attempt;
  readonly since: number;
}

/** What of an image is changed by calls of its own. */
export type ImageChange = { readonly [field in 'state' | 'deprecatesAt' | 'protection']?: Image[field] | undefined };

type Entry<T> = { readonly value: T; readonly since: number };

/**
 * What this process has written and EC2 may not show yet. It is laid over everything that is read until a reading shows
 * it by itself. A reading that was begun more than five minutes after the write is believed in any case; one that is
 * older is not, however long it has been kept since.
 */
export class Overlay {
  readonly #clock: Clock;
  readonly #awsNow: () => number;
  readonly #created = new Map<string, Unseen>();
  readonly #gone = new Map<string, number>();
  /** By resource and key; undefined as a value: the tag was taken off. */
  readonly #tags = new Map<string, Map<string, Entry<string | undefined>>>();
  /** By image and by snapshot, then by grantee: whether it has the grant. The last write to a grantee is what counts. */
  readonly #launch = new Map<string, Map<string, Entry<boolean>>>();
  readonly #volume = new Map<string, Map<string, Entry<boolean>>>();

  /** The usage report that was asked for last, by image. */
  readonly #usage = new Map<string, { readonly id: string; readonly since: number; readonly at: number }>();
  /** Since when earlier reports do not count any more, by image. */
  readonly #outdated = new Map<string, number>();
  /** By image and field. */
  readonly #changes = new Map<string, Map<keyof ImageChange, Entry<ImageChange[keyof ImageChange]>>>();

  /** @param awsNow the time by the clock of AWS, by which reports are dated */
  constructor(clock: Clock, awsNow: () => number) {
    this.#clock = clock;
    this.#awsNow = awsNow;
  }

  created(image: Image, attempt: Attempt): void {
    if (!this.#created.has(image.id)) this.#created.set(image.id, { image, attempt, since: this.#clock.monotonic() });
    // They went with the request, and may be seen later than the image.
    this.tagged([image.id], image.tags);
  }

  /** Copies that no listing has shown yet with their identity. */
  unseen(): readonly Unseen[] {
    return [...this.#created.values()];
  }

  /** Whether something was written here lately that a listing may not show yet. */
  get isUnsettled(): boolean {
    return this.#created.size + this.#gone.size + this.#tags.size + this.#changes.size > 0;
  }

  /** A copy was seen, or is known to be lost. */
  settled(imageId: string): void {
    this.#created.delete(imageId);
  }

  /** An image was deregistered, or a snapshot deleted. */
  removed(id: string): void {
    this.#created.delete(id);
    this.#gone.set(id, this.#clock.monotonic());
  }

  tagged(resources: readonly string[], tags: Readonly<Record<string, string | undefined>>): void {
    const since = this.#clock.monotonic();
    for (const id of resources) {
      const entries = this.#tags.get(id) ?? new Map<string, Entry<string | undefined>>();
      for (const [key, value] of Object.entries(tags)) entries.set(key, { value, since });
      this.#tags.set(id, entries);
    }
  }

  /** An image was enabled, disabled, deprecated, protected, or the opposite. */
  imageChanged(id: string, change: ImageChange): void {
    const since = this.#clock.monotonic();
    const entries = this.#changes.get(id) ?? new Map<keyof ImageChange, Entry<ImageChange[keyof ImageChange]>>();
    for (const field of ['state', 'deprecatesAt', 'protection'] as const)
      if (field in change) entries.set(field, { value: change[field], since });
    this.#changes.set(id, entries);
  }

  usageRequested(imageId: string, reportId: string): void {
    this.#usage.set(imageId, { id: reportId, since: this.#clock.monotonic(), at: this.#awsNow() });
  }

  /** More accounts may launch an image by now: what was reported before says nothing of them. */
  usageOutdated(imageId: string): void {
    this.#outdated.set(imageId, this.#awsNow());
  }

  /** The newest report of an image. One that was asked for and is not shown yet is pending. */
  usageReport(imageId: string, read: UsageReport, at: number): UsageReport {
    const requested = this.#usage.get(imageId);
    if (!requested) return this.#unlessOutdated(imageId, read);
    if (isOld(requested.since, at) || (read.kind !== 'none' && read.id === requested.id)) {
      this.#usage.delete(imageId);
      return this.#unlessOutdated(imageId, read);
    }
    return { kind: 'pending', id: requested.id, createdAt: requested.at };
  }

  #unlessOutdated(imageId: string, read: UsageReport): UsageReport {
    const since = this.#outdated.get(imageId);
    if (since === undefined || read.kind === 'none') return read;
    if (read.createdAt >= since - AWS_TIME_WITHIN_MS) {
      this.#outdated.delete(imageId);
      return read;
    }
    return { kind: 'failed', id: read.id, createdAt: 0, why: 'it was made before others were let in' };
  }

  launchChanged(imageId: string, add: LaunchGrants, remove: LaunchGrants): void {
    this.#granted(this.#launch, imageId, granteesOf(add), granteesOf(remove));
  }

  volumeChanged(snapshotId: string, add: readonly string[], remove: readonly string[]): void {
    this.#granted(this.#volume, snapshotId, add, remove);
  }

  /**
   * The images of a listing as they are by now.
   * @param begun when the listing was begun, monotonic milliseconds
   */
  images(listed: ReadonlyMap<string, Image>, begun: number): ReadonlyMap<string, Image> {
    this.#forget(begun);
    // Mostly nothing was written lately, and tens of thousands of images would be copied for nothing.
    if (!this.isUnsettled) return listed;
    const images = new Map<string, Image>();
    for (const [id, image] of listed) if (!this.#gone.has(id)) images.set(id, this.#withChanges(this.#withTags(image)));
    for (const [id, { image, since }] of this.#created) {
      const shown = listed.get(id);
      if (!shown) images.set(id, this.#laidOver(image));
      else if (hasIdentity(shown.tags)) this.#created.delete(id);
      else if (isOld(since, begun)) images.set(id, { ...shown, tags: image.tags, state: 'transient', untagged: true });
    }
    return images;
  }

  snapshots(listed: ReadonlyMap<string, Snapshot>, begun: number): ReadonlyMap<string, Snapshot> {
    this.#forget(begun);
    if (this.#gone.size + this.#tags.size === 0) return listed;
    const snapshots = new Map<string, Snapshot>();
    for (const [id, snapshot] of listed) if (!this.#gone.has(id)) snapshots.set(id, this.#withTags(snapshot));
    return snapshots;
  }

  /** Whether a grant of an image or a snapshot was written that no reading has shown yet. */
  hasUnseenGrants(id: string): boolean {
    return this.#launch.has(id) || this.#volume.has(id);
  }

  /**
   * Launch permissions as they are by now. What a reading shows by itself is forgotten, so that drift shows again.
   * @param at when they were asked for, monotonic milliseconds
   */
  launchGrants(imageId: string, read: LaunchGrants, at: number): LaunchGrants {
    return this.#launch.has(imageId) ? grantsOf(grantees(this.#launch, imageId, granteesOf(read), at)) : read;
  }

  volumeGrants(snapshotId: string, read: readonly string[], at: number): readonly string[] {
    return this.#volume.has(snapshotId) ? grantees(this.#volume, snapshotId, read, at) : read;
  }

  #granted(
    map: Map<string, Map<string, Entry<boolean>>>,
    id: string,
    add: readonly string[],
    remove: readonly string[],
  ): void {
    const since = this.#clock.monotonic();
    const entries = map.get(id) ?? new Map<string, Entry<boolean>>();
    for (const grantee of add) entries.set(grantee, { value: true, since });
    for (const grantee of remove) entries.set(grantee, { value: false, since });
    map.set(id, entries);
  }

  /** What EC2 shows, with what was written since. What it shows by itself is forgotten. */
  #withTags<T extends { readonly id: string; readonly tags: Tags }>(shown: T): T {
    const entries = this.#tags.get(shown.id);
    if (!entries) return shown;
    for (const [key, { value }] of entries) if (shown.tags[key] === value) entries.delete(key);
    if (entries.size === 0) this.#tags.delete(shown.id);
    return this.#laidOver(shown);
  }

  #laidOver<T extends { readonly id: string; readonly tags: Tags }>(item: T): T {
    const entries = this.#tags.get(item.id);
    if (!entries) return item;
    const tags: Record<string, string> = { ...item.tags };
    for (const [key, { value }] of entries) {
      if (value === undefined) delete tags[key];
      else tags[key] = value;
    }
    return { ...item, tags };
  }

  #withChanges(image: Image): Image {
    const entries = this.#changes.get(image.id);
    if (!entries) return image;
    const changed: Record<string, unknown> = { ...image };
    for (const [field, { value }] of entries) {
      if (shows(field, image[field], value)) entries.delete(field);
      else if (value === undefined) delete changed[field];
      else changed[field] = value;
    }
    if (entries.size === 0) this.#changes.delete(image.id);
    return changed as unknown as Image;
  }

  /** Of what was written long before a listing was begun, the listing itself tells. */
  #forget(begun: number): void {
    for (const [id, since] of this.#gone) if (isOld(since, begun)) this.#gone.delete(id);
    for (const [id, entries] of this.#tags) {
      for (const [key, { since }] of entries) if (isOld(since, begun)) entries.delete(key);
      if (entries.size === 0) this.#tags.delete(id);
    }
    for (const [id, entries] of this.#changes) {
      for (const [field, { since }] of entries) if (isOld(since, begun)) entries.delete(field);
      if (entries.size === 0) this.#changes.delete(id);
    }
  }
}

/** EC2 rounds the time of a deprecation to the minute. */
const shows = (field: keyof ImageChange, shown: unknown, written: unknown): boolean =>
  shown === written ||
  (field === 'deprecatesAt' &&
    typeof shown === 'number' &&
    typeof written === 'number' &&
    Math.abs(shown - written) <= 60_000);

const isOld = (since: number, read: number): boolean => read - since > SETTLES_WITHIN_MS;

function grantees(
  map: Map<string, Map<string, Entry<boolean>>>,
  id: string,
  read: readonly string[],
  at: number,
): readonly string[] {
  const all = new Set(read);
  const entries = map.get(id);
  for (const [grantee, { value, since }] of entries ?? []) {
    if (all.has(grantee) === value || isOld(since, at)) entries?.delete(grantee);
    else if (value) all.add(grantee);
    else all.delete(grantee);
  }
  if (entries?.size === 0) map.delete(id);
  return [...all].sort();
}

const ORGANIZATION = 'organization ';
const UNIT = 'unit ';
const PUBLIC = 'public';

function granteesOf({ accounts, organizations, organizationalUnits, public: isPublic }: LaunchGrants): string[] {
  return [
    ...accounts,
    ...organizations.map((arn) => `${ORGANIZATION}${arn}`),
    ...organizationalUnits.map((arn) => `${UNIT}${arn}`),
    ...(isPublic ? [PUBLIC] : []),
  ];
}

function grantsOf(grantees: readonly string[]): LaunchGrants {
  const after = (prefix: string): string[] =>
    grantees.filter((grantee) => grantee.startsWith(prefix)).map((grantee) => grantee.slice(prefix.length));
  return {
    accounts: grantees.filter((grantee) => /^\d{12}$/.test(grantee)),
    organizations: after(ORGANIZATION),
    organizationalUnits: after(UNIT),
    public: grantees.includes(PUBLIC),
  };
}
