import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../ambient/clock.ts';
import { type Image, type LaunchGrants, NO_GRANTS, type Snapshot, type Tags } from '../policy/model.ts';
import type { Attempt } from '../policy/token.ts';

/** How long EC2 may show an old state after a write (ec2-facts 2.4). */
export const SETTLES_WITHIN_MS = 5 * 60_000;

/** A copy whose id EC2 returned and that no listing has shown yet. */
export interface Unseen {
  readonly image: Image;
  readonly attempt: Attempt;
  readonly since: number;
}

type Entry<T> = { readonly value: T; readonly since: number };

/**
 * What this process has written and EC2 may not show yet. It is laid over every listing until a listing shows it by
 * itself, or for five minutes at most: after that EC2 is believed.
 */
export class Overlay {
  readonly #clock: Clock;
  readonly #created = new Map<string, Unseen>();
  readonly #gone = new Map<string, number>();
  /** By resource and key; undefined as a value: the tag was taken off. */
  readonly #tags = new Map<string, Map<string, Entry<string | undefined>>>();
  readonly #launch = new Map<string, Entry<{ readonly add: LaunchGrants; readonly remove: LaunchGrants }>[]>();
  readonly #volume = new Map<
    string,
    Entry<{ readonly add: readonly string[]; readonly remove: readonly string[] }>[]
  >();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  created(image: Image, attempt: Attempt): void {
    if (!this.#created.has(image.id)) this.#created.set(image.id, { image, attempt, since: this.#clock.monotonic() });
  }

  /** Copies that no listing has shown yet. */
  unseen(): readonly Unseen[] {
    return [...this.#created.values()];
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

  launchChanged(imageId: string, add: LaunchGrants, remove: LaunchGrants): void {
    const list = this.#launch.get(imageId) ?? [];
    this.#launch.set(imageId, [...list, { value: { add, remove }, since: this.#clock.monotonic() }]);
  }

  volumeChanged(snapshotId: string, add: readonly string[], remove: readonly string[]): void {
    const list = this.#volume.get(snapshotId) ?? [];
    this.#volume.set(snapshotId, [...list, { value: { add, remove }, since: this.#clock.monotonic() }]);
  }

  /** The images of a listing as they are by now. */
  images(listed: ReadonlyMap<string, Image>): Map<string, Image> {
    const images = new Map<string, Image>();
    for (const [id, image] of listed) {
      if (!this.#isGone(id)) images.set(id, { ...image, tags: this.#tagsOf(id, image.tags) });
    }
    for (const [id, { image }] of this.#created) {
      if (listed.has(id)) this.#created.delete(id);
      else images.set(id, { ...image, tags: this.#tagsOf(id, image.tags) });
    }
    return images;
  }

  snapshots(listed: ReadonlyMap<string, Snapshot>): Map<string, Snapshot> {
    const snapshots = new Map<string, Snapshot>();
    for (const [id, snapshot] of listed) {
      if (!this.#isGone(id)) snapshots.set(id, { ...snapshot, tags: this.#tagsOf(id, snapshot.tags) });
    }
    return snapshots;
  }

  /** Launch permissions as they are by now. What a reading shows by itself is forgotten, so that drift shows again. */
  launchGrants(imageId: string, read: LaunchGrants): LaunchGrants {
    let grants = read;
    for (const { value } of this.#unsettled(this.#launch, imageId, ({ add, remove }) =>
      isSame(changed(read, add, remove), changed(read, NO_GRANTS, NO_GRANTS)),
    )) {
      grants = changed(grants, value.add, value.remove);
    }
    return grants;
  }

  volumeGrants(snapshotId: string, read: readonly string[]): readonly string[] {
    let accounts = [...read];
    const shown = ({ add, remove }: { add: readonly string[]; remove: readonly string[] }): boolean =>
      add.every((account) => read.includes(account)) && !remove.some((account) => read.includes(account));
    for (const { value } of this.#unsettled(this.#volume, snapshotId, shown))
      accounts = merge(accounts, value.add, value.remove);
    return accounts;
  }

  #unsettled<T>(map: Map<string, Entry<T>[]>, id: string, isShown: (value: T) => boolean): readonly Entry<T>[] {
    const left = (map.get(id) ?? []).filter(({ value, since }) => !isShown(value) && !this.#isOld(since));
    if (left.length > 0) map.set(id, left);
    else map.delete(id);
    return left;
  }

  #tagsOf(id: string, shown: Tags): Tags {
    const entries = this.#tags.get(id);
    if (!entries) return shown;
    const tags: Record<string, string> = { ...shown };
    for (const [key, { value, since }] of entries) {
      if (shown[key] === value || this.#isOld(since)) entries.delete(key);
      else if (value === undefined) delete tags[key];
      else tags[key] = value;
    }
    if (entries.size === 0) this.#tags.delete(id);
    return tags;
  }

  #isGone(id: string): boolean {
    const since = this.#gone.get(id);
    if (since === undefined) return false;
    if (!this.#isOld(since)) return true;
    this.#gone.delete(id);
    return false;
  }

  #isOld(since: number): boolean {
    return this.#clock.monotonic() - since > SETTLES_WITHIN_MS;
  }
}

function changed(grants: LaunchGrants, add: LaunchGrants, remove: LaunchGrants): LaunchGrants {
  return {
    accounts: merge(grants.accounts, add.accounts, remove.accounts),
    organizations: merge(grants.organizations, add.organizations, remove.organizations),
    organizationalUnits: merge(grants.organizationalUnits, add.organizationalUnits, remove.organizationalUnits),
    public: (grants.public || add.public) && !remove.public,
  };
}

const isSame = (left: LaunchGrants, right: LaunchGrants): boolean => isDeepStrictEqual(left, right);

function merge(list: readonly string[], add: readonly string[], remove: readonly string[]): string[] {
  return [...new Set([...list, ...add])].filter((entry) => !remove.includes(entry)).sort();
}
