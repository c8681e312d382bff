/**
 * Text in columns, each as wide as its widest cell; the last one is left to wrap where the terminal ends.
 * @param heading shown above, in capitals
 */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading.map((name) => name.toUpperCase()), ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
