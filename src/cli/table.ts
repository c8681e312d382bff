const GAP = '  ';
/** A column that is narrower is left to wrap where the terminal ends. */
const NARROWEST = 24;

/**
 * Text in columns, each as wide as its widest cell; the last one is wrapped at words to what a terminal has room for.
 * @param heading shown above, in capitals
 * @param columns of the terminal; where there is none, or too little room, nothing is wrapped
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined = process.stdout.isTTY ? process.stdout.columns : undefined,
): string {
  const all = [heading.map((name) => name.toUpperCase()), ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  const room = columns === undefined || columns - indent < NARROWEST ? Number.POSITIVE_INFINITY : columns - indent;
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1
            ? wrapped(cell, room).join(`\n${' '.repeat(indent)}`)
            : cell.padEnd(widths[column] ?? 0),
        )
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

/** Lines that are no longer than `width`, but for words that are. */
function wrapped(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
