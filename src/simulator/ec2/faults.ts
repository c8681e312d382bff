import { z } from 'zod';

/**
 * Faults on demand. `nth`: from the nth matching call on (default 1); `times`: how many calls (default 1).
 * `partial`: the first page of a listing with a token that then fails; `stale`: reads answer as before any recent write.
 */
const fault = z.strictObject({
  action: z.string().min(1),
  account: z.string().optional(),
  region: z.string().optional(),
  nth: z.number().int().min(1).default(1),
  times: z.number().int().min(1).default(1),
  kind: z.union([
    z.enum([
      'throttle',
      'http-500',
      'reset-before',
      'reset-after',
      'timeout-before',
      'timeout-after',
      'partial',
      'stale',
    ]),
    z
      .string()
      .regex(
        /^error-[A-Za-z.]+$/,
        'must be one of throttle, error-<Code>, http-500, reset-before, reset-after, timeout-before, timeout-after, partial, stale',
      ),
  ]),
});
export type Fault = z.output<typeof fault>;

/** @throws Error that names the place */
export function parseFaults(document: unknown): Fault[] {
  const result = z.array(fault).safeParse(document);
  if (result.success) return result.data;
  throw new Error(
    `the faults cannot be used: ${result.error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'document'}: ${message}`).join('; ')}`,
  );
}

/** Says which call is to go wrong, and how. */
export class Faults {
  #list: { readonly fault: Fault; seen: number }[] = [];

  set(faults: readonly Fault[]): void {
    this.#list = faults.map((each) => ({ fault: each, seen: 0 }));
  }

  next(action: string, account: string, region: string): Fault['kind'] | undefined {
    let hit: Fault['kind'] | undefined;
    for (const entry of this.#list) {
      const { fault } = entry;
      if (fault.action !== action && fault.action !== '*') continue;
      if ((fault.account ?? account) !== account || (fault.region ?? region) !== region) continue;
      entry.seen++;
      if (entry.seen >= fault.nth && entry.seen < fault.nth + fault.times) hit ??= fault.kind;
    }
    return hit;
  }
}
