import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../api/spec-cases.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/samples/', import.meta.url));

/** A file of deploy/samples. */
export interface Sample {
  readonly file: string;
  readonly path: string;
  readonly documents: readonly Manifest[];
}

/** All samples, by file name. */
export const SAMPLES: readonly Sample[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .toSorted()
  .map((file) => {
    const path = `${FOLDER}${file}`;
    const documents = parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest);
    return { file, path, documents };
  });
