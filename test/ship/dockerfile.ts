import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The stages of the Dockerfile: each begins with its FROM. */
export function dockerfileStages(): readonly (readonly Instruction[])[] {
  const text = readFileSync(fileURLToPath(new URL('../../Dockerfile', import.meta.url)), 'utf8');
  const stages: Instruction[][] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (name === '') throw new Error(`the Dockerfile has a line that is no instruction: ${line}`);
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, text: rest });
  }
  return stages;
}

export const instructions = (stage: readonly Instruction[] | undefined, name: string): readonly string[] =>
  (stage ?? []).filter((each) => each.name === name).map(({ text }) => text);
