import type { Clock } from '../ambient/clock.ts';
import { type Permission, type Probe, probeKey } from '../policy/probe.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { keepsToDryRuns, readPermission } from './probes.ts';

/** What dry runs have shown in one target, and when. */
export class Permissions {
  readonly #ec2: ServiceApi;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly permission: Permission; readonly at: number }>();
  /** Whether the endpoint can be asked at all. */
  #keepsToDryRuns: Promise<boolean> | undefined;

  constructor(ec2: ServiceApi, clock: Clock) {
    this.#ec2 = ec2;
    this.#clock = clock;
  }

  /** What is refused is asked again sooner than what is not: somebody may be about to mend it. Monotonic milliseconds. */
  since({
    grants,
    allowed = grants,
    denied = grants,
  }: {
    readonly grants: number;
    readonly allowed?: number;
    readonly denied?: number;
  }): Map<string, Permission> {
    const recent = new Map<string, Permission>();
    for (const [key, { permission, at }] of this.#known)
      if (at >= (permission.kind === 'denied' ? denied : allowed)) recent.set(key, permission);
    return recent;
  }

  /** What was done a moment ago need not be asked. */
  permitted(action: string): void {
    this.#known.set(action, { permission: { kind: 'allowed' }, at: this.#clock.monotonic() });
  }

  async ask(probe: Probe, options: CallOptions): Promise<void> {
    const at = this.#clock.monotonic();
    this.#known.set(probeKey(probe), { permission: await this.#read(probe, options), at });
  }

  async #read(probe: Probe, options: CallOptions): Promise<Permission> {
    this.#keepsToDryRuns ??= keepsToDryRuns(this.#ec2, options);
    try {
      if (!(await this.#keepsToDryRuns)) return { kind: 'unproven' };
    } catch {
      this.#keepsToDryRuns = undefined;
      options.signal?.throwIfAborted();
      return { kind: 'unproven' };
    }
    return await readPermission(this.#ec2, probe, options);
  }
}
