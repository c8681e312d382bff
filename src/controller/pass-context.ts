import { AsyncLocalStorage } from 'node:async_hooks';
import type { Random } from '../ambient/random.ts';

/** Which pass something belongs to: what logs say of it on every line. */
type PassContext = { readonly pass: string } & ({ readonly policy: string } | { readonly account: string });

const current = new AsyncLocalStorage<PassContext>();

/** The pass in which this is called; nothing outside of passes. */
export const passContext = (): object => ({ ...current.getStore() });

/** Runs a pass under a name of its own: eight hexadecimal digits, enough to tell it from all others in a log. */
export function inPass<T>(
  of: { readonly policy: string } | { readonly account: string },
  random: Random,
  run: () => Promise<T>,
): Promise<T> {
  const pass = Math.floor(random.next() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return current.run({ pass, ...of }, run);
}
