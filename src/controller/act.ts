import { execute } from '../aws/executor.ts';
import type { OpenTarget } from '../aws/inventories.ts';
import type { Failure } from '../policy/failure.ts';
import type { Image, Target } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { type Admitted, admit } from './admission.ts';
import type { Engine } from './engine.ts';
import type { Hooks, Request } from './reconcile.ts';

type Open = (target: Target) => OpenTarget;

/** Step "schedule". */
export function scheduled(
  engine: Engine,
  { owner, priority = 'normal', isOurs = () => true }: Request,
  due: readonly Action[],
  open: Open,
): Admitted {
  const { copiesInFlight } = engine.limits;
  const pending = (target: Target): readonly Image[] => open(target).inventory.pendingImages;
  return admit(engine.clients.budget, due, { flow: owner.uid, priority, copiesInFlight, pending, isOurs });
}

/** What came of acting. */
export interface Acted {
  readonly failures: readonly Failure[];
  readonly deletedToday: Request['deletedToday'];
}

/** Step "act". */
export async function act(
  engine: Engine,
  { owner, priority = 'normal', deletedToday }: Request,
  admitted: Admitted,
  open: Open,
  hooks: Hooks,
): Promise<Acted> {
  const { actions } = admitted;
  const versions = actions.flatMap(({ destroys }) => (destroys?.versionId === undefined ? [] : [destroys.versionId]));
  const begun = versions.filter((id) => !deletedToday.has(id));
  if (begun.length > 0) await hooks.beforeDeleting([...new Set(begun)]);
  const { done, failures } = await execute(actions, {
    open,
    confirm: hooks.confirm,
    audit: hooks.audit,
    permitOf: (action) => admitted.permitOf(action),
    flow: owner.uid,
    priority,
    stop: hooks.stop,
  });
  engine.contests.note(done, engine.clients.time.now());
  engine.refusals.note(failures, engine.clock.monotonic());
  hooks.acted?.(done, failures);
  return { failures, deletedToday: new Set([...deletedToday, ...begun]) };
}
