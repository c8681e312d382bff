import type { Clock } from '../ambient/clock.ts';
import type { Image } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { imagesById } from './listing.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Who asks within this time of each other is told by one request. */
const TOGETHER_MS = 20;

interface Batch {
  readonly ids: Set<string>;
  readonly images: Promise<ReadonlyMap<string, Image>>;
}

/** Reads single images of a target as they are now; many that are asked for at about the same time cost one request. */
export class ImageReads {
  readonly #ec2: ServiceApi;
  readonly #clock: Clock;
  #next: Batch | undefined;

  constructor(ec2: ServiceApi, clock: Clock) {
    this.#ec2 = ec2;
    this.#clock = clock;
  }

  /**
   * @returns undefined when the account has no such image
   * @throws AwsError, or the reason of the signal
   */
  async read(imageId: string, { signal, priority }: CallOptions): Promise<Image | undefined> {
    const next = (this.#next ??= this.#begin(priority));
    next.ids.add(imageId);
    return (await unlessAborted(next.images, signal)).get(imageId);
  }

  /** No signal goes along: others wait for the same answer. */
  #begin(priority: CallOptions['priority']): Batch {
    const ids = new Set<string>();
    const images = new Promise<void>((resolve) => this.#clock.after(TOGETHER_MS, resolve)).then(async () => {
      this.#next = undefined;
      return await imagesById(this.#ec2, [...ids], { ...(priority && { priority }) });
    });
    // Whoever has asked may have gone by then.
    images.catch(() => undefined);
    return { ids, images };
  }
}
