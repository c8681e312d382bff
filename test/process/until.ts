import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks again and again until there is an answer, for what happens in other processes. The pause is only how soon the
 * next look is; nothing depends on its length.
 * @throws Error that says what did not come, and what `look` said last
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  let trouble: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      trouble = error;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`, { cause: trouble });
    await wait(50);
  }
}
