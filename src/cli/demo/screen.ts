import { stripVTControlCharacters, styleText } from 'node:util';
import { table } from '../table.ts';
import type { TargetRow } from './glance.ts';

/** What the demo shows itself on. */
export interface Screen {
  /** A new act begins. */
  act(title: string): void;
  /** Something happened; the line stays. */
  say(line: string): void;
  /** How things stand; replaces what was shown before, or is passed over when it says the same. */
  show(rows: readonly TargetRow[], summary: string): void;
  /** The last table, which stays. */
  conclude(rows: readonly TargetRow[]): void;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** A live view on a terminal, plain lines anywhere else. */
export const screenOn = (output: Output): Screen => (output.isTTY ? new LiveScreen(output) : plainScreen(output));

const rowsAsTable = (rows: readonly TargetRow[]): string =>
  table(
    ['target', 'ready', 'copying', 'shared', 'surplus'],
    rows.map(({ target, ready, copying, shared, surplus }) => [target, ready, copying, shared, surplus]),
  );

function plainScreen(output: Output): Screen {
  let before = '';
  return {
    act: (title) => output.write(`\n== ${title}\n`),
    say: (line) => output.write(`${line}\n`),
    show: (_rows, summary) => {
      if (summary !== before) output.write(`${summary}\n`);
      before = summary;
    },
    conclude: (rows) => output.write(`\n${rowsAsTable(rows)}\n`),
  };
}

/** What happened scrolls up; the table and the act stay at the bottom, redrawn in place. */
class LiveScreen implements Screen {
  readonly #output: Output;
  #title = '';
  #live = '';
  #drawnLines = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  act(title: string): void {
    this.#title = title;
    this.say(`\n${styleText('bold', `== ${title}`)}`);
  }

  say(line: string): void {
    this.#erase();
    this.#output.write(`${line}\n`);
    this.#draw();
  }

  show(rows: readonly TargetRow[], summary: string): void {
    this.#live = `\n${styleText('dim', this.#title)}\n${rows.length > 0 ? `${rowsAsTable(rows)}\n` : ''}${styleText('bold', summary)}\n`;
    this.#erase();
    this.#draw();
  }

  conclude(rows: readonly TargetRow[]): void {
    this.#erase();
    this.#live = '';
    this.#output.write(`\n${rowsAsTable(rows)}\n`);
  }

  #draw(): void {
    const width = this.#output.columns ?? 80;
    // A line that the terminal wraps could not be found again by counting.
    const lines = this.#live.split('\n').map((line) => cutTo(line, width));
    this.#output.write(lines.join('\n'));
    this.#drawnLines = lines.length - 1;
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#output.write(`\u001b[${this.#drawnLines}A\r\u001b[J`);
    this.#drawnLines = 0;
  }
}

function cutTo(line: string, width: number): string {
  const bare = stripVTControlCharacters(line);
  return bare.length < width ? line : bare.slice(0, width - 1);
}
