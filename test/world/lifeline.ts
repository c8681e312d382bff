/** When a controller is to die: at its nth change of the outside world, or at the first one of a name, before it is made or before its answer is in. */
export interface Death {
  readonly at: number | string;
  readonly when: 'before' | 'after';
}

/**
 * What ties one controller to the world. Cut, nothing it sends arrives and nothing ever answers it: that is what a
 * `kill -9` looks like from outside. What the dead one still does in its own memory has no effect on anything.
 */
export class Lifeline {
  readonly #death: Death | undefined;
  readonly #changes: string[] = [];
  #calls = 0;
  #cut = false;
  #calling = false;
  /** No request to the API server arrives any more, while AWS can be reached. */
  isPartitioned = false;
  /** As which it runs for the lease; undefined: it runs alone. */
  readonly identity: string | undefined;

  constructor(death?: Death, identity?: string) {
    this.#death = death;
    this.identity = identity;
  }

  /** Every change of the outside world that was begun, in order. */
  get changes(): readonly string[] {
    return this.#changes;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** How many calls were begun, reads among them. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether something is being carried out for it at this very moment. */
  get isCalling(): boolean {
    return this.#calling;
  }

  cut(): void {
    this.#cut = true;
  }

  async call<T>(name: string, changes: boolean, make: () => T): Promise<T> {
    if (this.#cut) return await forEver();
    this.#calls++;
    // An answer is never there in the same turn: what other work is ready goes first, as on a real network.
    await nextTurn();
    if (this.#cut) return await forEver();
    if (!changes) return this.#make(make);
    this.#changes.push(name);
    const dies = [this.#changes.length, name].includes(this.#death?.at ?? 0) ? this.#death?.when : undefined;
    if (dies === 'before') {
      this.cut();
      return await forEver();
    }
    const answer = this.#make(make);
    if (dies !== 'after') return answer;
    this.cut();
    return await forEver();
  }

  #make<T>(make: () => T): T {
    this.#calling = true;
    try {
      return make();
    } finally {
      this.#calling = false;
    }
  }
}

const forEver = (): Promise<never> => new Promise(() => undefined);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
