import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { AwsError, type ErrorClass } from '../../src/aws/aws-error.ts';
import { Persistence } from '../../src/aws/persistence.ts';

const target = { account: '111122223333', region: 'eu-west-1' };
const failing = (kind: ErrorClass, certain = true): AwsError =>
  new AwsError({ class: kind, code: 'X', action: 'CopyImage', target, certain, why: 'w' });

const outcomeOf = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    return await call;
  } catch (thrown) {
    return thrown;
  }
};

/** Tries something that always fails; returns when each try was made, and what came out. */
async function tries(
  failure: AwsError,
  repeatable: boolean,
  random = 0.999,
): Promise<{ at: number[]; outcome: unknown }> {
  const clock = new VirtualClock(0);
  const at: number[] = [];
  const run = async (): Promise<never> => {
    at.push(Math.round(clock.monotonic()));
    throw failure;
  };
  const over = outcomeOf(
    new Persistence(clock, { next: () => random }).persist({ action: 'CopyImage', target, repeatable, run }),
  );
  await clock.advance(60_000);
  const outcome = await over;
  expect(clock.untilNext()).toBeUndefined();
  return { at, outcome };
}

describe('what fails in passing', () => {
  it('is tried four times, with longer and longer pauses, and then thrown as it is', async () => {
    const error = failing('transient', false);
    expect(await tries(error, true)).toEqual({ at: [0, 400, 1199, 2797], outcome: error });
  });

  it('is tried again at once when chance has it so', async () => {
    expect((await tries(failing('transient', false), true, 0)).at).toEqual([0, 0, 0, 0]);
  });

  it('is not repeated when it may have had its effect and must not have it twice', async () => {
    expect((await tries(failing('transient', false), false)).at).toEqual([0]);
  });

  it('is repeated all the same when it surely had no effect', async () => {
    expect((await tries(failing('transient', true), false)).at).toHaveLength(4);
    expect((await tries(failing('throttle'), false)).at).toHaveLength(4);
  });
});

it.each(['capacity', 'notFound', 'wrongState', 'refused', 'access', 'mismatch', 'unsupported', 'bug'] as const)(
  'what fails with class %s is not repeated',
  async (kind) => {
    expect((await tries(failing(kind), true)).at).toEqual([0]);
  },
);

it('a signal ends the pause, with its reason', async () => {
  const clock = new VirtualClock(0);
  const controller = new AbortController();
  const over = new Persistence(clock, { next: () => 0.5 }).persist({
    action: 'DescribeImages',
    target,
    repeatable: true,
    signal: controller.signal,
    run: () => Promise.reject(failing('transient')),
  });
  await clock.advance(1);
  controller.abort(new Error('stopped'));
  await expect(over).rejects.toThrow('stopped');
  expect(clock.untilNext()).toBeUndefined();
});
