import type { Image } from './model.ts';
import type { Pass } from './pass.ts';
import { TAG } from './tags.ts';
import type { Origin } from './temporary-grants.ts';

/** A copy, of whatever policy, that EC2 is making now. */
interface Pending {
  readonly id: string;
  readonly account: string;
}

interface PendingCopies {
  readonly byOrigin: ReadonlyMap<string, readonly Pending[]>;
  readonly bySource: ReadonlyMap<string, readonly Pending[]>;
  /** By version, those of which EC2 does not say what they are made from; emulators do not. */
  readonly originless: ReadonlyMap<string, readonly Pending[]>;
}

const known = new WeakMap<Pass, PendingCopies>();

/** The copies under way that are, or may be, made from an image. */
export function pendingCopiesFrom(pass: Pass, image: Image): readonly Pending[] {
  const { byOrigin, bySource, originless } = pendingCopies(pass);
  const source = image.tags[TAG.sourceImage];
  const found = [
    ...(byOrigin.get(image.id) ?? []),
    ...(bySource.get(image.id) ?? []),
    ...(source === undefined ? [] : (originless.get(source) ?? [])),
  ];
  return found.filter(({ id }) => id !== image.id).sort((left, right) => (left.id < right.id ? -1 : 1));
}

function pendingCopies(pass: Pass): PendingCopies {
  const before = known.get(pass);
  if (before) return before;
  const byOrigin = new Map<string, Pending[]>();
  const bySource = new Map<string, Pending[]>();
  const originless = new Map<string, Pending[]>();
  for (const [key, view] of pass.targets) {
    if (view.kind !== 'observed') continue;
    const [account = ''] = key.split('/');
    for (const { id, state, madeFrom, tags } of view.inventory.images.values()) {
      if (state !== 'pending' && state !== 'transient') continue;
      const pending: Pending = { id, account };
      const source = tags[TAG.sourceImage];
      if (madeFrom !== undefined) put(byOrigin, madeFrom, pending);
      if (source !== undefined) put(bySource, source, pending);
      if (source !== undefined && madeFrom === undefined) put(originless, source, pending);
    }
  }
  const found = { byOrigin, bySource, originless };
  known.set(pass, found);
  return found;
}

function put(map: Map<string, Pending[]>, key: string, pending: Pending): void {
  const list = map.get(key);
  if (list) list.push(pending);
  else map.set(key, [pending]);
}

/** Which accounts still have copies to start from which origin: their temporary grants, and the origin, must stay. */
export class OpenOrigins {
  readonly #open = new Set<string>();
  readonly #waiting = new Map<string, string>();

  /** @param lends whether the copy may be started; where it must not, the origin stays and no grant is kept for it */
  add(origin: Origin, account: string, where: string, lends: boolean): void {
    if (lends) this.#open.add(`${origin.image.id} ${account}`);
    if (!this.#waiting.has(origin.image.id)) this.#waiting.set(origin.image.id, where);
  }

  has(image: Image, account: string): boolean {
    return this.#open.has(`${image.id} ${account}`);
  }

  /** A target that waits for a copy of `image`. */
  waitingFor(image: Image): string | undefined {
    return this.#waiting.get(image.id);
  }
}
