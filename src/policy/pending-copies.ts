import { append, indexOf } from './image-index.ts';
import type { Image } from './model.ts';
import { onceForEach } from './once-for-each.ts';
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

const pendingCopies = onceForEach((pass: Pass): PendingCopies => {
  const byOrigin = new Map<string, Pending[]>();
  const bySource = new Map<string, Pending[]>();
  const originless = new Map<string, Pending[]>();
  for (const [key, view] of [...pass.targets, ...(pass.letGo ?? [])]) {
    if (view.kind !== 'observed') continue;
    const [account = ''] = key.split('/');
    for (const { id, madeFrom, tags } of indexOf(view.inventory.images).unfinished) {
      const pending: Pending = { id, account };
      const source = tags[TAG.sourceImage];
      if (madeFrom !== undefined) append(byOrigin, madeFrom, pending);
      if (source !== undefined) append(bySource, source, pending);
      if (source !== undefined && madeFrom === undefined) append(originless, source, pending);
    }
  }
  return { byOrigin, bySource, originless };
});

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
