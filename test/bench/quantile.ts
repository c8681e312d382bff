/**
 * The value that this part of all values does not exceed, by nearest rank: always one that was measured.
 * @param part between 0 and 1; 0.5 is the median
 * @throws RangeError when there are no values
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no values, no quantile');
  return value;
}
