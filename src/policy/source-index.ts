import { append } from './image-index.ts';
import type { Image } from './model.ts';
import { onceForEach } from './once-for-each.ts';
import { isCopy, literalStart, type Selector } from './selection.ts';

/** Images by what selectors ask for. Each order is made when the first selector asks for it. */
class SourceIndex {
  readonly #originals: readonly Image[];
  readonly #byTag = new Map<string, Map<string, Image[]>>();
  #byName: readonly Image[] | undefined;

  constructor(images: ReadonlyMap<string, Image>) {
    this.#originals = [...images.values()].filter(({ tags }) => !isCopy(tags));
  }

  tagged(key: string, value: string): readonly Image[] {
    let byValue = this.#byTag.get(key);
    if (!byValue) {
      byValue = new Map();
      for (const image of this.#originals) {
        const has = image.tags[key];
        if (has !== undefined) append(byValue, has, image);
      }
      this.#byTag.set(key, byValue);
    }
    return byValue.get(value) ?? [];
  }

  /** Those whose names begin so. */
  named(start: string): readonly Image[] {
    if (start === '') return this.#originals;
    this.#byName ??= this.#originals.toSorted((left, right) => (left.name < right.name ? -1 : 1));
    const found: Image[] = [];
    for (let at = firstFrom(this.#byName, start); at < this.#byName.length; at++) {
      const image = this.#byName[at];
      if (!image?.name.startsWith(start)) break;
      found.push(image);
    }
    return found;
  }
}

/** The place of the first name that is not before `start`. */
function firstFrom(sorted: readonly Image[], start: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.name ?? '') < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

const sourceIndexOf = onceForEach((images: ReadonlyMap<string, Image>) => new SourceIndex(images));

/**
 * Every image that a selector may take, and as few others as the criteria let be told apart without looking at each:
 * a thousand policies look for their sources in one listing.
 */
export function candidatesFor(images: ReadonlyMap<string, Image>, selector: Selector): readonly Image[] {
  const { ids, tags = {}, names = ['*'] } = selector;
  if (ids) return ids.flatMap((id) => images.get(id) ?? []);
  const index = sourceIndexOf(images);
  const tagged = Object.entries(tags).map(([key, value]) => index.tagged(key, value));
  if (tagged.length > 0) return tagged.reduce((fewest, each) => (each.length < fewest.length ? each : fewest));
  const starts = names.map(literalStart);
  // One that begins like another finds nothing more.
  const shortest = starts.filter((start, at) => !starts.some((other, i) => i !== at && isCovered(start, other, at, i)));
  return shortest.flatMap((start) => index.named(start));
}

const isCovered = (start: string, by: string, at: number, i: number): boolean =>
  start.startsWith(by) && (start.length > by.length || i < at);
