import { setTimeout as wait } from 'node:timers/promises';
import type { Benchmark } from '../benchmark.ts';
import { type Replica, Replicas } from './replicas.ts';

const ROUNDS = 4;
/** Longer than a lease lives. */
const FROZEN_MS = 20_000;
const THAWED_MS = 5000;
/** Edits in one go before a leader is frozen, so that it is in the middle of something. */
const BURST = 8;

const EDIT_AGAIN_MS = 500;

const GOAL_KILL_MS = 20_000;
const GOAL_STOP_MS = 3000;
/** A lease lives for 15 s after it was last renewed, and is renewed at the latest 2.4 s after the time before. */
const LEASE_MS = 15_000 - 2400;

export const failover: Benchmark = {
  about: `two replicas as processes with one lease, the embedded API server and the simulated EC2 over HTTP: how soon an edit is acted upon when the leader is gone, ${ROUNDS} times each`,
  run: async () => {
    const replicas = new Replicas();
    try {
      let leader = await replicas.launch();
      // The first one waits for the lease.
      await replicas.editUntilCopied(leader);
      const edited = performance.now();
      const atOnce = (await replicas.editUntilCopied(leader)) - edited;
      const killed: number[] = [];
      const stopped: number[] = [];
      const late: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const [signal, times, againMs] of [
          ['SIGKILL', killed, Number.POSITIVE_INFINITY],
          ['SIGTERM', stopped, EDIT_AGAIN_MS],
        ] as const) {
          const standby = await replicas.launch();
          await replicas.editUntilCopied(leader);
          const since = performance.now();
          const ended = leader.process.kill(signal);
          times.push((await replicas.editUntilCopied(standby, againMs)) - since);
          await ended;
          leader = standby;
        }
      }
      for (let round = 0; round < ROUNDS; round++) {
        const standby = await replicas.launch();
        late.push(...(await frozen(replicas, leader, standby)));
        leader = standby;
      }
      const work = { value: atOnce, why: 'the same edit, when its leader is there' };
      return {
        kind: 'measured',
        figures: [
          {
            name: 'leader killed: to the first CopyImage, slowest',
            value: Math.max(...killed),
            unit: 'ms',
            goal: GOAL_KILL_MS,
            bound: {
              value: LEASE_MS + atOnce,
              why: 'what is left of the lease at least, and the same edit when its leader is there',
            },
            detail: killed.map((ms) => `${Math.round(ms)} ms`).join(', '),
          },
          {
            name: 'leader stopped: to the first CopyImage, slowest',
            value: Math.max(...stopped),
            unit: 'ms',
            goal: GOAL_STOP_MS,
            bound: work,
            detail: stopped.map((ms) => `${Math.round(ms)} ms`).join(', '),
          },
          {
            name: 'leader frozen in the middle of its work: writes when it wakes up',
            value: late.length,
            unit: 'writes',
            goal: 0,
            detail: `${ROUNDS} times frozen for ${FROZEN_MS / 1000} s after ${BURST} edits, and watched for ${THAWED_MS / 1000} s${late.length > 0 ? `: ${late.join(', ')}` : ''}`,
          },
        ],
      };
    } finally {
      await replicas.stop();
    }
  },
};

/** @returns what a leader writes that was frozen until another one had the lease */
async function frozen(replicas: Replicas, leader: Replica, standby: Replica): Promise<string[]> {
  await replicas.editUntilCopied(leader);
  for (let edit = 0; edit < BURST; edit++) replicas.edit();
  // Long enough for it to have begun, and not for it to have finished.
  await wait(BURST);
  leader.process.signal('SIGSTOP');
  await wait(FROZEN_MS);
  await replicas.editUntilCopied(standby);
  const thawed = performance.now();
  leader.process.signal('SIGCONT');
  await wait(THAWED_MS);
  await leader.process.kill('SIGKILL');
  return leader.writes.filter(({ at }) => at >= thawed).map(({ what }) => what);
}
