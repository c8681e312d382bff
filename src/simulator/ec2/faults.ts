import { z } from 'zod';
import { Refusal } from './refusal.ts';
import type { Service } from './sts.ts';

const KINDS = [
  'throttle',
  'http-500',
  'reset-before',
  'reset-after',
  'timeout-before',
  'timeout-after',
  'partial',
  'stale',
] as const;
const isKind = (text: string): text is FaultKind =>
  (KINDS as readonly string[]).includes(text) || /^error-[A-Za-z0-9.]+$/.test(text);

/**
 * - `throttle`, `error-<Code>`, `http-500`: refused, and nothing was done
 * - `reset-before`, `timeout-before`: the connection breaks, or no answer ever comes, and nothing was done
 * - `reset-after`, `timeout-after`: the same, but it was done
 * - `partial`: it was done, and the connection breaks half-way through the answer
 * - `stale`: a read is answered as if a minute earlier
 */
export type FaultKind = (typeof KINDS)[number] | `error-${string}`;

/** Faults on demand. `nth`: from the nth matching call on (default 1); `times`: how many calls (default 1). */
const fault = z.strictObject({
  action: z.string().min(1),
  account: z.string().optional(),
  region: z.string().optional(),
  nth: z.number().int().min(1).default(1),
  times: z.number().int().min(1).default(1),
  /** What an error-<Code> says. Default: that it is simulated. */
  message: z.string().optional(),
  kind: z.string().refine(isKind, `must be one of ${KINDS.join(', ')}, error-<Code>`),
});
export type Fault = Omit<z.output<typeof fault>, 'kind'> & { readonly kind: FaultKind };

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

  next(action: string, account: string, region: string): Fault | undefined {
    let hit: Fault | undefined;
    for (const entry of this.#list) {
      const { fault } = entry;
      if (fault.action !== action && fault.action !== '*') continue;
      if ((fault.account ?? account) !== account || (fault.region ?? region) !== region) continue;
      entry.seen++;
      if (entry.seen >= fault.nth && entry.seen < fault.nth + fault.times) hit ??= fault;
    }
    return hit;
  }

  /** What would refuse the next call for want of a permission: that refuses a dry run of it, too, which counts for nothing. */
  denial(action: string, account: string, region: string): Fault | undefined {
    return this.#list.find(
      ({ fault, seen }) =>
        fault.kind === 'error-UnauthorizedOperation' &&
        fault.action === action &&
        (fault.account ?? account) === account &&
        (fault.region ?? region) === region &&
        seen + 1 >= fault.nth &&
        seen + 1 < fault.nth + fault.times,
    )?.fault;
  }
}

/** The HTTP status that goes with codes that are not 400. */
const STATUS: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  AuthFailure: 401,
  DryRunOperation: 412,
  ExpiredToken: 403,
  InternalError: 500,
  InternalFailure: 500,
  InvalidClientTokenId: 403,
  OptInRequired: 403,
  RequestLimitExceeded: 503,
  ServerInternal: 500,
  ServiceUnavailable: 503,
  Unavailable: 503,
  UnauthorizedOperation: 403,
};

/** What a service says when a fault is one that is said. */
export function refusalOf(fault: Fault | undefined, service: Service): Refusal | undefined {
  const { kind, message } = fault ?? {};
  if (kind === 'throttle')
    return service === 'ec2'
      ? new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503)
      : new Refusal(service === 'sts' ? 'Throttling' : 'ThrottlingException', 'Rate exceeded', 400);
  if (kind === 'http-500') return new Refusal('InternalError', 'An internal error has occurred', 500);
  if (kind?.startsWith('error-') !== true) return undefined;
  const code = kind.slice('error-'.length);
  return new Refusal(code, message ?? `Simulated ${code}`, STATUS[code] ?? 400);
}
