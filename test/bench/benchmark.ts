/** One measured number of a benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: 's' | 'ms' | 'MiB' | 'calls' | 'writes' | 'bytes';
  /** To reach: at most this. */
  readonly goal?: number;
  /** What no program could go below here, in the same unit, and why. */
  readonly bound?: { readonly value: number; readonly why: string };
  /** What it is made of, as far as that helps to read it. */
  readonly detail?: string;
}

export type Outcome =
  | { readonly kind: 'measured'; readonly figures: readonly Figure[] }
  /** It cannot be measured on this machine. */
  | { readonly kind: 'skipped'; readonly because: string };

/** Something that can be measured again and again, alone in a process that does nothing else. */
export interface Benchmark {
  /** What is measured, and on what, in one sentence. */
  readonly about: string;
  /** @throws when what is measured does not work at all */
  readonly run: () => Promise<Outcome>;
}
