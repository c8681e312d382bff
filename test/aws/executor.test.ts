import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Executed, type Execution, execute } from '../../src/aws/executor.ts';
import type { Action } from '../../src/policy/plan.ts';
import { action, copyOf } from './actions.ts';
import { AWAY, HOME, OTHER_ACCOUNT, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const MINUTE = 60_000;

let aws: SimulatedAws;
let stop: AbortController;

beforeEach(async () => {
  stop = new AbortController();
  aws = await simulatedAws();
});
afterEach(() => aws[Symbol.asyncDispose]());

const run = (actions: readonly Action[], given: Partial<Execution> = {}): Promise<Executed> =>
  execute(actions, {
    open: (target) => aws.open(target),
    confirm: () => Promise.resolve(undefined),
    stop: stop.signal,
    ...given,
  });
/** Writes one tag on the source image. */
const tag = (id: string, given: Partial<Action> = {}): Action =>
  action({ do: 'tag', resources: [SOURCE], tags: { [id]: 'done' } }, { id, target: HOME, ...given });
const written = (): string[] =>
  Object.keys(aws.simulator.world().images.find(({ id }) => id === SOURCE)?.tags ?? {}).filter((key) => key !== 'app');
/** An action that AWS refuses: there is no such image. */
const refused = (id: string, given: Partial<Action> = {}): Action =>
  action(
    { do: 'tag', resources: ['ami-00000000000000099'], tags: { a: 'b' } },
    { id, kind: 'Tag', target: HOME, ...given },
  );
const order = (): string[] => {
  const keys: string[] = [];
  aws.simulator.onMutation(({ parameters }) => keys.push(parameters['Tag.1.Key'] ?? ''));
  return keys;
};

describe('actions', () => {
  it('are all carried out, each after what it needs and what it follows', async () => {
    const keys = order();
    const actions = [
      tag('a'),
      tag('b', { needs: ['a'] }),
      tag('c', { follows: ['b'] }),
      tag('d', { needs: ['a', 'c'] }),
      tag('e'),
    ];
    const { done, failures } = await run(actions);
    expect(failures).toEqual([]);
    expect(new Set(done.map(({ id }) => id))).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
    expect(keys.filter((key) => key !== 'e')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('in whatever order they depend on each other, keep to it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { minLength: 1, maxLength: 10 }),
        async (links) => {
          const keys = order();
          const actions = links.map((earlier, index) => {
            const ids = earlier.filter((other) => other < index).map((other) => `t${other}`);
            return tag(`t${index}`, index % 2 === 0 ? { needs: ids } : { follows: ids });
          });
          const { done } = await run(actions);
          expect(done).toHaveLength(actions.length);
          for (const { id, needs, follows } of actions)
            for (const earlier of [...needs, ...follows]) expect(keys.indexOf(earlier)).toBeLessThan(keys.indexOf(id));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('whose need is not among them are left out: nobody knows that it was done', async () => {
    const { done } = await run([tag('a', { needs: ['earlier'] }), tag('b', { follows: ['earlier'] })]);
    expect(done.map(({ id }) => id)).toEqual(['b']);
    expect(written()).toEqual(['b']);
  });

  it('that fail take what needs them with them, and nothing else', async () => {
    const { done, failures } = await run([
      refused('a'),
      tag('b', { needs: ['a'] }),
      tag('c', { needs: ['b'] }),
      tag('d', { follows: ['a', 'c'] }),
      tag('e'),
    ]);
    expect(failures.map(({ action: { id } }) => id)).toEqual(['a']);
    expect(new Set(done.map(({ id }) => id))).toEqual(new Set(['d', 'e']));
    expect(written().toSorted()).toEqual(['d', 'e']);
  });

  it('in a target that cannot be reached fail alone', async () => {
    const { done, failures } = await run([tag('a'), tag('b', { target: AWAY })], {
      open: (target) => {
        if (target === AWAY) throw new Error('it was not observed');
        return aws.open(target);
      },
    });
    expect(done.map(({ id }) => id)).toEqual(['a']);
    expect(failures).toMatchObject([{ code: 'Unexpected', message: 'it was not observed', effect: 'retries' }]);
  });

  it.each([
    ['UnauthorizedOperation', 'UnauthorizedOperation', 'stalls'],
    ['OperationNotPermitted', 'OperationNotPermitted', 'stalls'],
    ['ResourceLimitExceeded', 'ResourceLimitExceeded', 'retries'],
    ['InvalidAMIID.Unavailable', 'InvalidAMIIDUnavailable', 'retries'],
    ['InternalError', 'InternalError', 'retries'],
    ['MissingParameter', 'MissingParameter', 'stalls'],
  ])('that fail with %s are reported as %s, and it %s', async (code, reason, effect) => {
    aws.faults({ action: 'CreateTags', kind: `error-${code}`, times: 9 });
    const { failures } = await run([tag('a')]);
    expect(failures).toMatchObject([{ code: reason, effect, message: expect.stringContaining(code) }]);
  });
});

describe('what cannot be undone', () => {
  const ready = async (): Promise<string> => {
    await run([copyOf()]);
    aws.clock.advance(MINUTE);
    await aws.open(AWAY).inventory.observe(aws.clock.monotonic(), {});
    return copies()[0] ?? '';
  };
  const copies = (): string[] =>
    aws.simulator
      .world()
      .images.filter(({ region, state }) => region === AWAY.region && state !== 'deregistered')
      .map(({ id }) => id);
  const deregister = (imageId: string): Action =>
    action(
      { do: 'deregister', imageId },
      { id: `deregister ${imageId}`, kind: 'DeregisterImage', destroys: { imageId, state: 'available' } },
    );

  it('is confirmed right before each call, and called off with the reason', async () => {
    const id = await ready();
    const asked: string[] = [];
    const refuse = async (each: Action): Promise<string> => {
      asked.push(each.id);
      return 'the policy was suspended';
    };
    const { done, failures } = await run([tag('a'), deregister(id)], { confirm: refuse });
    expect(asked).toEqual([`deregister ${id}`]);
    expect(done.map((each) => each.id)).toEqual(['a']);
    expect(failures).toMatchObject([{ code: 'CalledOff', message: 'the policy was suspended', effect: 'retries' }]);
    expect(copies()).toEqual([id]);
  });

  it('is confirmed after everything that it waits for', async () => {
    const id = await ready();
    let before: string[] | undefined;
    await run([tag('a'), tag('b'), { ...deregister(id), needs: ['a'], follows: ['b'] }], {
      confirm: async () => {
        before = written();
        return undefined;
      },
    });
    expect(before?.toSorted()).toEqual(['a', 'b']);
    expect(copies()).toEqual([]);
  });

  it('is not done when it cannot be confirmed', async () => {
    const id = await ready();
    const { failures } = await run([deregister(id)], {
      confirm: () => Promise.reject(new Error('the API server does not answer')),
    });
    expect(failures).toMatchObject([{ message: 'the API server does not answer', effect: 'retries' }]);
    expect(copies()).toEqual([id]);
  });

  it('counts among it that copies of an earlier policy are taken over', async () => {
    const asked: string[] = [];
    await run([tag('a', { kind: 'TakeOver' })], {
      confirm: async ({ kind }) => {
        asked.push(kind);
        return 'that policy is still there';
      },
    });
    expect(asked).toEqual(['TakeOver']);
    expect(written()).toEqual([]);
  });
});

describe('a stop', () => {
  it('finishes the calls in hand and begins nothing new', async () => {
    aws.simulator.onCall(({ action: name }) => {
      if (name === 'CopyImage') stop.abort(new Error('stopped'));
    });
    const { done, failures } = await run([
      copyOf(),
      tag('a', { needs: [copyOf().id] }),
      tag('b', { follows: [copyOf().id] }),
    ]);
    expect(done.map(({ id }) => id)).toEqual([copyOf().id]);
    expect(failures).toEqual([]);
    expect(aws.open(AWAY).inventory.view().images.size).toBe(1);
    expect(written()).toEqual([]);
  });

  it('ends what only waits, and is no failure', async () => {
    aws.simulator.onCall(({ action: name }) => {
      if (name === 'CreateTags') stop.abort(new Error('stopped'));
    });
    const claim = action({ do: 'claim', imageId: SOURCE, value: 'a/b c d' }, { target: HOME });
    const outcome = await run([claim], { open: (target) => aws.open(target, 'own') });
    expect(outcome).toEqual({ done: [], failures: [] });
  });

  it('before the beginning leaves everything as it is', async () => {
    stop.abort(new Error('stopped'));
    expect(await run([tag('a'), copyOf()])).toEqual({ done: [], failures: [] });
    expect(written()).toEqual([]);
  });
});

it('many copies go out at once, without one twice, over two accounts', async () => {
  const regions = ['eu-west-1', 'eu-central-1', 'us-west-2', 'ap-southeast-2'];
  const actions = regions.map((region) => copyOf(SOURCE, { account: HOME.account, region }));
  const foreign = copyOf(SOURCE, { account: OTHER_ACCOUNT, region: 'eu-west-1' });
  const first = await run([...actions, foreign]);
  expect(first.done).toHaveLength(4);
  // The other account may not read the image.
  expect(first.failures).toMatchObject([{ code: 'InvalidAMIIDNotFound' }]);
  await run(actions);
  const made = aws.simulator.world().images.filter(({ sourceImageId }) => sourceImageId === SOURCE);
  expect(made.map(({ region }) => region).toSorted()).toEqual(regions.toSorted());
});

it('all calls of an action have the priority of its plan: what a user waits for overtakes what is merely due', async () => {
  // The bucket of CreateTags in the home region is used up, so that whoever comes now has to wait.
  await Promise.all(Array.from({ length: 80 }, () => run([tag('fill')])));
  const keys = order();
  await Promise.all([run([tag('due-1')]), run([tag('due-2')]), run([tag('asked')], { priority: 'user' })]);
  expect(keys.indexOf('asked')).toBeLessThan(keys.indexOf('due-2'));
});

it('a parameter, whose history nobody can bring back, is deleted only after the policy was read live', async () => {
  const asked: string[] = [];
  const unpublish = action(
    { do: 'deleteParameter', name: '/ami/x', description: '' },
    { id: 'unpublish', kind: 'UnpublishImage', target: HOME },
  );
  const { failures } = await run([unpublish], {
    confirm: async ({ id }) => {
      asked.push(id);
      return 'the policy publishes it again';
    },
  });
  expect(asked).toEqual(['unpublish']);
  expect(failures).toMatchObject([{ code: 'CalledOff' }]);
});
