import { sleep } from '../ambient/clock.ts';
import { nextLook } from '../controller/next-look.ts';
import type { Result } from '../controller/reconcile.ts';
import { targetKey } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { type FilePolicy, type FileRun, filePass } from './file-mode.ts';
import { heldBackText, mayRetry, planText, progressText } from './plan-text.ts';

/** How long to wait after a failure that may pass, doubling. */
const RETRY_MS = 5000;
const LONGEST_RETRY_MS = 60_000;
/** So many tries in a row in which nothing else was to be waited for: about ten minutes. */
const TRIES = 12;
/** What is due later than this is for another run. */
const PATIENCE_MS = 30 * 60_000;
/** Policies of one file that look at the same target at about the same time share a listing. */
const RECENT_MS = 1000;

/**
 * Carries out one policy of a file, and says on standard output what is done as it is done.
 * @returns the last pass: with `wait` the one after which nothing is left to wait for, else the first
 * @throws the reason of the stop signal when it aborts
 */
export async function applyUntilDone(
  run: FileRun,
  file: FilePolicy,
  options: {
    readonly wait: boolean;
    /** Which actions that cannot be undone may be carried out; undefined: none. */
    readonly may: ((action: Action) => boolean) | undefined;
  },
): Promise<Result> {
  const { engine, stop } = run;
  const { label } = file;
  if (file.policy.spec.mode === 'Plan') {
    const result = await filePass(run, file, { may: 'nothing', listing: run.begun });
    console.log(`${planText(label, result)}\n\n${label}: spec.mode is Plan: nothing was touched.`);
    return result;
  }
  if (file.policy.spec.suspend) console.log(`${label}: spec.suspend is true: only temporary grants are taken back.`);
  const lent = new Set<string>();
  stop.addEventListener('abort', () => sayLent(label, lent), { once: true });
  let before = '';
  for (let failed = 0, tries = 0; ; ) {
    const result = await filePass(run, file, {
      may: options.may ? 'everything' : 'keep',
      listing: engine.clock.monotonic() - RECENT_MS,
      objection: async (action) => (action.destroys && options.may?.(action) !== true ? NOT_AGREED : undefined),
      acted: (done, failures) => {
        for (const action of done) {
          const { kind, target, subject, reason } = action;
          console.log(`${label}  ${kind}  ${targetKey(target)}  ${subject}: ${reason}`);
          noteLent(lent, action);
        }
        for (const { action, code, message } of failures) {
          if (message === NOT_AGREED) continue;
          const { kind, target, subject } = action;
          console.log(`${label}  ${kind} not done  ${targetKey(target)}  ${subject}: ${code}: ${message}`);
        }
      },
    });
    const outcome = { ...result, failures: result.failures.filter(({ message }) => message !== NOT_AGREED) };
    const line = `${label}: ${progressText(outcome)}`;
    if (line !== before) console.log(line);
    before = line;
    const { plan } = outcome.decision;
    const look = nextLook(plan, outcome.input.targets.values(), file.owner, outcome.input.now);
    const isSoon = look !== undefined && look < PATIENCE_MS;
    const retries = mayRetry(outcome);
    failed = retries ? failed + 1 : 0;
    tries = retries && !isSoon ? tries + 1 : 0;
    // Everything is begun, with or without --wait; what AWS has no room for yet is begun when it has.
    const begins = outcome.delayed.some(({ delay }) => delay.because === 'rate');
    if ((!options.wait && !begins) || (!isSoon && !retries) || tries > TRIES) {
      sayLent(label, lent);
      for (const blocked of plan.blocked)
        if (blocked.code !== 'DeletionDisabled') console.log(`${label}  ${heldBackText(blocked)}`);
      return outcome;
    }
    const retry = retries ? Math.min(RETRY_MS * 2 ** (failed - 1), LONGEST_RETRY_MS) : PATIENCE_MS;
    await sleep(engine.clock, Math.min(look ?? PATIENCE_MS, retry), stop);
  }
}

/** What was given for copies and not taken back yet, by account and by what was given. */
function noteLent(lent: Set<string>, { kind, call }: Action): void {
  const change = kind === 'GrantTemporarily' ? 'add' : kind === 'RevokeTemporaryGrant' ? 'remove' : undefined;
  if (!change) return;
  const grants =
    call.do === 'modifyLaunch'
      ? call[change].accounts.map((account) => `${account} ${call.imageId}`)
      : call.do === 'modifyVolume'
        ? call[change].map((account) => `${account} ${call.snapshotId}`)
        : [];
  for (const grant of grants)
    if (change === 'add') lent.add(grant);
    else lent.delete(grant);
}

/** Nobody takes a grant back after this command has ended. */
function sayLent(label: string, lent: ReadonlySet<string>): void {
  const accounts = [...new Set([...lent].map((grant) => grant.slice(0, grant.indexOf(' '))))].toSorted();
  if (accounts.length > 0)
    console.log(
      `${label}: temporary grants to ${accounts.join(', ')} stay open for the copies that are under way. Run the same command with --wait to have them taken back`,
    );
}

const NOT_AGREED = 'it was not among what was agreed to';
