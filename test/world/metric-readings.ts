import type { Launched } from './world.ts';

/** One series of a metric; of a histogram one of its buckets, its sum or its count. */
export interface Reading {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
}

/** Everything that a scrape of a controller would show now. */
export async function scrape({ metrics }: Pick<Launched, 'metrics'>): Promise<readonly Reading[]> {
  const all = await metrics.registry.getMetricsAsJSON();
  return all.flatMap(({ name, values }) =>
    values.map((each) => ({
      name: 'metricName' in each && typeof each.metricName === 'string' ? each.metricName : name,
      labels: each.labels,
      value: each.value,
    })),
  );
}

/** The values of a metric added up, of the series that have these labels. */
export const sum = (readings: readonly Reading[], name: string, labels: Reading['labels'] = {}): number =>
  seriesOf(readings, name, labels).reduce((total, { value }) => total + value, 0);

export const seriesOf = (readings: readonly Reading[], name: string, labels: Reading['labels'] = {}): Reading[] =>
  readings.filter(
    (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
  );
