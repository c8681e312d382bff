import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** One series: its labels and its value now. */
export type Series = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Pulled {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Is asked at each scrape. What it does not give any more has no series any more. */
  readonly read: () => Iterable<Series>;
}

/** A gauge whose series are asked for when somebody looks, so that none of them can go stale. */
export function pulledGauge(registry: Registry, { read, ...metric }: Pulled): void {
  const gauge = new Gauge<string>({
    ...metric,
    registers: [],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.set(labels, value);
    },
  });
  registry.registerMetric(gauge);
}

/** The same for what is counted elsewhere already, and only ever grows there. */
export function pulledCounter(registry: Registry, { read, ...metric }: Pulled): void {
  const counter = new Counter<string>({
    ...metric,
    registers: [],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels, value);
    },
  });
  registry.registerMetric(counter);
}
