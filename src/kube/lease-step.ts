/** The spec of a `coordination.k8s.io/v1` Lease, as far as an election goes by it. */
export interface LeaseSpec {
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

/** A lease as it was read. */
export interface SeenLease {
  readonly resourceVersion: string;
  readonly spec: LeaseSpec;
}

/**
 * When the lease that is there now was first seen as it is, by our own monotonic clock. The clocks of two machines are
 * never compared: a lease has run out when it was not renewed for its duration *before our eyes* (the rule of client-go).
 */
export interface Observation {
  readonly lease: SeenLease;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/** What has been seen of a lease after it was read once more. */
export function observed(before: Observation | undefined, lease: SeenLease, now: number): Observation {
  return before?.lease.resourceVersion === lease.resourceVersion ? before : { lease, since: now };
}

export type Move =
  /** Somebody else holds it. */
  { readonly kind: 'wait'; readonly holder: string } | { readonly kind: 'renew' | 'take'; readonly spec: LeaseSpec };

/**
 * What a candidate does about a lease.
 * @param now monotonic milliseconds
 * @param wallTime what is written as the time, RFC 3339 with six fractional digits: nobody goes by it but people
 */
export function moveOf(
  seen: Observation,
  { identity, durationMs }: { readonly identity: string; readonly durationMs: number },
  now: number,
  wallTime: string,
): Move {
  const { spec } = seen.lease;
  const holder = spec.holderIdentity ?? '';
  const leaseDurationSeconds = Math.ceil(durationMs / 1000);
  if (holder === identity) return { kind: 'renew', spec: { ...spec, leaseDurationSeconds, renewTime: wallTime } };
  const theirsMs = (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000;
  if (holder !== '' && now - seen.since < theirsMs) return { kind: 'wait', holder };
  return {
    kind: 'take',
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds,
      acquireTime: wallTime,
      renewTime: wallTime,
      leaseTransitions: (spec.leaseTransitions ?? 0) + 1,
    },
  };
}

/** `2026-01-02T03:04:05.678000Z`: the API server takes a MicroTime with exactly six fractional digits only. */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
