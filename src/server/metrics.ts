import { Counter, Gauge, Registry } from '@prometheus-io/client';

/** What a controller tells about itself. Labels have few values: no image ids, no messages. */
export class Metrics {
  readonly registry = new Registry();
  readonly #calls = new Counter({
    name: 'amifleet_aws_calls_total',
    help: 'AWS calls by action, account, region and outcome (ok or the error code).',
    labelNames: ['action', 'account', 'region', 'outcome'] as const,
    registers: [this.registry],
  });
  readonly #passes = new Counter({
    name: 'amifleet_passes_total',
    help: 'Passes over policies.',
    labelNames: ['namespace', 'name'] as const,
    registers: [this.registry],
  });
  readonly #ready = new Gauge({
    name: 'amifleet_policy_ready',
    help: '1 when the condition Ready of a policy is True; the reason it has is a label.',
    labelNames: ['namespace', 'name', 'reason'] as const,
    registers: [this.registry],
  });
  readonly #pending = new Gauge({
    name: 'amifleet_policy_pending_copies',
    help: 'Copies of a policy that are under way or about to start.',
    labelNames: ['namespace', 'name'] as const,
    registers: [this.registry],
  });
  readonly #leader = new Gauge({
    name: 'amifleet_leader',
    help: '1 while this replica is the one that works, 0 while it stands by.',
    registers: [this.registry],
  });
  readonly #reasons = new Map<string, string>();

  /** This replica works from now on, until it ends. */
  leads(): void {
    this.#leader.set(1);
  }

  call(call: {
    readonly action: string;
    readonly target: { readonly account: string; readonly region: string };
    readonly outcome: string;
  }): void {
    this.#calls.inc({ action: call.action, ...call.target, outcome: call.outcome });
  }

  policy(
    namespace: string,
    name: string,
    state: { readonly ready: boolean; readonly reason: string; readonly pending: number },
  ): void {
    this.#passes.inc({ namespace, name });
    this.#pending.set({ namespace, name }, state.pending);
    const before = this.#reasons.get(`${namespace}/${name}`);
    if (before !== undefined && before !== state.reason) this.#ready.remove({ namespace, name, reason: before });
    this.#reasons.set(`${namespace}/${name}`, state.reason);
    this.#ready.set({ namespace, name, reason: state.reason }, state.ready ? 1 : 0);
  }

  /** A policy that is gone leaves no series behind. */
  forget(namespace: string, name: string): void {
    const reason = this.#reasons.get(`${namespace}/${name}`);
    if (reason !== undefined) this.#ready.remove({ namespace, name, reason });
    this.#reasons.delete(`${namespace}/${name}`);
    this.#pending.remove({ namespace, name });
  }
}
