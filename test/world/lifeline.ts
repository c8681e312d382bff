/** When a controller is to die: at its nth change of the outside world, before it is made or before its answer is in. */
export interface Death {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/**
 * What ties one controller to the world. Cut, nothing it sends arrives and nothing ever answers it: that is what a
 * `kill -9` looks like from outside. What the dead one still does in its own memory has no effect on anything.
 */
export class Lifeline {
  readonly #death: Death | undefined;
  readonly #changes: string[] = [];
  #cut = false;
  #onCut: () => void = () => undefined;

  constructor(death?: Death) {
    this.#death = death;
  }

  /** Every change of the outside world that was begun, in order. */
  get changes(): readonly string[] {
    return this.#changes;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#onCut();
  }

  onCut(run: () => void): void {
    this.#onCut = run;
  }

  async call<T>(name: string, changes: boolean, make: () => T | Promise<T>): Promise<T> {
    if (this.#cut) return await forEver();
    if (!changes) return await this.#answer(make);
    this.#changes.push(name);
    const dies = this.#death?.at === this.#changes.length ? this.#death.when : undefined;
    if (dies === 'before') {
      this.cut();
      return await forEver();
    }
    if (dies === 'after') {
      await make();
      this.cut();
      return await forEver();
    }
    return await this.#answer(make);
  }

  async #answer<T>(make: () => T | Promise<T>): Promise<T> {
    const answer = await make();
    return this.#cut ? await forEver() : answer;
  }
}

const forEver = (): Promise<never> => new Promise(() => undefined);
