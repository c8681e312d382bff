import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads `90s`, `5m`, `1h30m`: milliseconds.
 * @throws InvalidArgumentError for anything else, and for a duration of nothing
 */
export function duration(text: string): number {
  if (!/^(\d+(ms|[smhd]))+$/.test(text)) throw new InvalidArgumentError('Give a duration such as 90s, 5m or 1h30m.');
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhd])/g)) sum += Number(count) * (UNITS[unit ?? ''] ?? 0);
  if (sum <= 0) throw new InvalidArgumentError('It must be longer than nothing.');
  return sum;
}
