import type { ConformanceCase } from './case.ts';
import { APPLIES } from './cases/apply.ts';
import { KUBECTL } from './cases/kubectl.ts';
import { READS } from './cases/reads.ts';
import { VALIDATION } from './cases/validation.ts';
import { WRITES } from './cases/writes.ts';

/** A suite, by the name of the file that its answers are recorded in. */
type Suite = readonly [string, readonly ConformanceCase[]];

/** What is asked over HTTP. */
export const HTTP_SUITES: readonly Suite[] = [
  ['writes', WRITES],
  ['validation', VALIDATION],
  ['apply', APPLIES],
  ['reads', READS],
];

/** What is asked by kubectl. */
export const KUBECTL_SUITES: readonly Suite[] = [['kubectl', KUBECTL]];
