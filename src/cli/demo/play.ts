import { sleep, systemClock } from '../../ambient/clock.ts';
import type { PolicyStatus } from '../../api/policy-status.ts';
import { ACTS, type Act, type Setting } from './acts.ts';
import { glance } from './glance.ts';
import type { Operator } from './operator.ts';
import { People } from './people.ts';
import type { Screen } from './screen.ts';
import type { Stage } from './stage.ts';

/** How long an act may take, in real time. */
const ACT_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 200;

/**
 * Plays every act, each until what it is about has come true.
 * @throws Error that says which act did not end, and what was still missing
 */
export async function play(stage: Stage, screen: Screen, stop: AbortSignal): Promise<void> {
  const { operator } = stage;
  const setting: Setting = {
    people: new People(stage.awsUrl),
    world: () => stage.aws.world(),
    status: () => operator.status(),
    applyPolicy: () => operator.applyPolicy(),
    passHours: (hours) => stage.clock.advance(hours * 3_600_000),
    say: (line) => screen.say(line),
  };
  const ended = stage.controller.then(() => {
    throw new Error('the controller has ended');
  });
  for (const act of ACTS()) {
    screen.act(act.title);
    await act.begin(setting);
    await Promise.race([watch(act, setting, operator, screen, stop), ended]);
  }
  const status = await operator.status();
  screen.conclude(glance(status, stage.aws.world()));
  for (const line of heldBack(status)) screen.say(line);
}

/** What is due and kept all the same, one line for each reason. */
function heldBack(status: PolicyStatus | undefined): string[] {
  const byReason = Map.groupBy(status?.plan?.blocked ?? [], ({ reason }) => reason);
  return [...byReason].map(
    ([reason, entries]) => `\nnot deleted: ${entries.length} images (${reason}), for one: ${entries[0]?.message ?? ''}`,
  );
}

async function watch(act: Act, setting: Setting, operator: Operator, screen: Screen, stop: AbortSignal): Promise<void> {
  const end = systemClock.monotonic() + ACT_LIMIT_MS;
  for (;;) {
    const status = await operator.status();
    const pending = status?.pendingCopies ?? 0;
    screen.show(
      glance(status, setting.world()),
      `targets ready ${status?.targetsReady ?? '0/0'}, ${pending} copies pending`,
    );
    await tellNews(operator, screen);
    const missing = await act.done(setting);
    if (missing === true) {
      // What was done last is told a moment later than it can be seen.
      await sleep(systemClock, LOOK_EVERY_MS, stop);
      await tellNews(operator, screen);
      return;
    }
    if (systemClock.monotonic() > end)
      throw new Error(`"${act.title}" did not come true within ${ACT_LIMIT_MS / 1000} s: ${missing}`);
    await sleep(systemClock, LOOK_EVERY_MS, stop);
  }
}

async function tellNews(operator: Operator, screen: Screen): Promise<void> {
  for (const { reason, note } of await operator.news()) screen.say(`controller ${reason}: ${note}`);
}
