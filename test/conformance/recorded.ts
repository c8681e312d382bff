import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Answers of the real API server, by the name of the case. */
export type Recorded = Readonly<Record<string, readonly unknown[]>>;

/** Set: the real server's answers are written down anew, instead of being compared. */
export const isRecording = process.env['RECORD_CONFORMANCE'] === '1';

const fileOf = (suite: string): string => fileURLToPath(new URL(`recorded/${suite}.json`, import.meta.url));

export function readRecorded(suite: string): Recorded {
  return existsSync(fileOf(suite)) ? (JSON.parse(readFileSync(fileOf(suite), 'utf8')) as Recorded) : {};
}

export function writeRecorded(suite: string, recorded: Recorded): void {
  writeFileSync(fileOf(suite), `${JSON.stringify(recorded, null, 1)}\n`);
}
