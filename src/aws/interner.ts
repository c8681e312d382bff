import type { Tag } from '@aws-sdk/client-ec2';
import type { Tags } from '../policy/model.ts';

/** What nobody has asked for since the last but one time is forgotten. */
class TwoGenerations<Key, Value> {
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#young.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    this.#young.set(key, value);
  }

  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }
}

/** Everything is listed far more often than this. */
const TURN_MS = 3_600_000;

/**
 * Keeps once what many images have in common: the copies of a version have the same tags in all targets, and the images
 * of a family nearly the same. Without it, a million images would take several gigabytes.
 */
export class Interner {
  readonly #texts = new TwoGenerations<string, string>();
  /** By a hash of keys and values, which may be that of others as well. */
  readonly #tags = new TwoGenerations<number, Tags>();
  #turnedAt: number | undefined;

  /** The same text, as it was first seen. */
  text(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }

  /** The tags as one object; the very same one for the same tags. */
  tags(listed: readonly Tag[] = []): Tags {
    const hash = hashOf(listed);
    const known = this.#tags.get(hash);
    if (known && isMadeOf(known, listed)) return known;
    const tags: Tags = Object.fromEntries(
      listed.flatMap(({ Key, Value = '' }) => (Key === undefined ? [] : [[this.text(Key), this.text(Value)]])),
    );
    this.#tags.set(hash, tags);
    return tags;
  }

  /** Forgets what was not seen for an hour or two. @param now monotonic milliseconds */
  tidy(now: number): void {
    this.#turnedAt ??= now;
    if (now - this.#turnedAt < TURN_MS) return;
    this.#turnedAt = now;
    this.#texts.turn();
    this.#tags.turn();
  }
}

function isMadeOf(tags: Tags, listed: readonly Tag[]): boolean {
  let count = 0;
  for (const { Key, Value = '' } of listed) {
    if (Key === undefined) continue;
    if (tags[Key] !== Value || !Object.hasOwn(tags, Key)) return false;
    count++;
  }
  return count === Object.keys(tags).length;
}

/**
 * Of each tag FNV-1a, and of their sum what V8 keeps without a number object: a sum, because EC2 promises no order of
 * tags, and a hash that goes by the order would take the same tags for others with each listing.
 */
function hashOf(tags: readonly Tag[]): number {
  let hash = 0;
  for (const { Key = '', Value = '' } of tags) hash = (hash + fnv(fnv(0x811c9dc5, Key), Value)) | 0;
  return hash & 0x3fff_ffff;
}

function fnv(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
