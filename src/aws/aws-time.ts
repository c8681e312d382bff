import type { Clock } from '../ambient/clock.ts';

/** As many answers are weighed against each other. */
const SAMPLES = 5;
/** The Date header is cut off to whole seconds: on average it is half a second behind. */
const CUT_OFF_MS = 500;

/**
 * The time by the clock of AWS, taken from the Date header of its answers. Days of retention are counted by it: an image
 * must not go because the clock of a node is wrong. The median of the last answers counts, so that one wrong header,
 * from whatever stands between, moves nothing.
 */
export class AwsTime {
  readonly #clock: Clock;
  /** AWS's time minus our monotonic time, newest last. */
  readonly #offsets: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Notes the Date header of an answer that has just arrived. What is not a date is passed over.
   * @param sentAt when the request was sent, monotonic milliseconds
   */
  observe(dateHeader: string | undefined, sentAt: number): void {
    const date = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
    if (Number.isNaN(date)) return;
    const middle = (sentAt + this.#clock.monotonic()) / 2;
    this.#offsets.push(date + CUT_OFF_MS - middle);
    if (this.#offsets.length > SAMPLES) this.#offsets.shift();
  }

  /** Milliseconds since the epoch, to about a second; the machine's own time until AWS has answered once. */
  now(): number {
    const sorted = this.#offsets.toSorted((left, right) => left - right);
    const median = sorted[Math.floor(sorted.length / 2)];
    return median === undefined ? this.#clock.now() : median + this.#clock.monotonic();
  }
}
