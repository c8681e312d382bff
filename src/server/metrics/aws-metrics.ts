import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import { ACT_OUTCOMES, type ActOutcome, type DestructiveAct } from '../../aws/audit.ts';
import type { CallReport } from '../../aws/aws-clients.ts';
import { isKnownCode } from '../../aws/error-table.ts';
import { DESTRUCTIVE_CALLS } from '../../aws/taken-away.ts';
import type { Parts } from '../../controller/observer.ts';
import { pulledGauge, type Series } from './pulled.ts';

/** EC2 answers in tens to hundreds of milliseconds; long listings take seconds. Seconds. */
const CALL_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From no wait at all to the refill of a bucket that is nearly throttled to nothing. Seconds. */
const WAIT_BUCKETS = [0, 0.1, 0.5, 1, 5, 15, 60, 300];

type Bucket = 'account' | 'region' | 'action';
const BUCKET = ['account', 'region', 'action'] as const;

/** Calls to AWS, and what they are allowed. */
export class AwsMetrics {
  readonly #calls: Counter<'action' | 'region' | 'code'>;
  readonly #time: Histogram<'action'>;
  readonly #wait: Histogram;
  readonly #throttles: Counter<Bucket>;
  readonly #acts: Counter<'call' | 'outcome'>;

  constructor(registry: Registry, parts: () => Parts | undefined) {
    const registers = [registry];
    this.#calls = new Counter({
      name: 'amifleet_aws_calls_total',
      help: 'Calls to AWS, each try, by action, region and code: ok, one of the error codes that amifleet knows, or Other.',
      labelNames: ['action', 'region', 'code'],
      registers,
    });
    this.#time = new Histogram({
      name: 'amifleet_aws_call_duration_seconds',
      help: 'From sending a call to its answer.',
      labelNames: ['action'],
      buckets: CALL_BUCKETS,
      registers,
    });
    this.#wait = new Histogram({
      name: 'amifleet_aws_budget_wait_seconds',
      help: 'How long calls waited for the rate budget before they were sent.',
      buckets: WAIT_BUCKETS,
      registers,
    });
    this.#throttles = new Counter({
      name: 'amifleet_aws_throttles_total',
      help: 'Calls that AWS refused because there were too many, by the bucket that they drew on.',
      labelNames: BUCKET,
      registers,
    });
    this.#acts = new Counter({
      name: 'amifleet_destructive_calls_total',
      help: 'Calls that take something away, by what came of them; each has its reason in the audit lines of the log.',
      labelNames: ['call', 'outcome'],
      registers,
    });
    for (const call of DESTRUCTIVE_CALLS) for (const outcome of ACT_OUTCOMES) this.#acts.inc({ call, outcome }, 0);
    const buckets = function* (value: 'tokens' | 'waiting'): Generator<Series> {
      for (const bucket of parts()?.engine.clients.budget.read() ?? []) {
        const { target, action, tokens, capacity, waiting } = bucket;
        // One that is full says nothing, and there are as many as there are targets times actions.
        if (tokens >= capacity && waiting === 0) continue;
        yield [{ ...target, action }, bucket[value]];
      }
    };
    pulledGauge(registry, {
      name: 'amifleet_aws_bucket_tokens',
      help: 'Calls that could be made at once, for each bucket of the rate budget that is not full.',
      labelNames: BUCKET,
      read: () => buckets('tokens'),
    });
    pulledGauge(registry, {
      name: 'amifleet_aws_bucket_waiting',
      help: 'Calls that wait for a token, for each bucket of the rate budget that is not full.',
      labelNames: BUCKET,
      read: () => buckets('waiting'),
    });
  }

  called({ action, target, outcome, errorClass, ms, waitedMs }: CallReport): void {
    const code = errorClass === undefined || isKnownCode(outcome) ? outcome : 'Other';
    this.#calls.inc({ action, region: target.region, code });
    this.#time.observe({ action }, ms / 1000);
    this.#wait.observe(waitedMs / 1000);
    if (errorClass === 'throttle') this.#throttles.inc({ account: target.account, region: target.region, action });
  }

  acted({ call }: DestructiveAct, { kind }: ActOutcome): void {
    this.#acts.inc({ call, outcome: kind });
  }
}
