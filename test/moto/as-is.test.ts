import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { adjustableClock } from '../../src/ambient/adjustable-clock.ts';
import { systemClock } from '../../src/ambient/clock.ts';
import { readDocuments } from '../../src/api/documents.ts';
import { type Request, type Result, reconcile } from '../../src/controller/reconcile.ts';
import { describeWithPython } from '../python/suite.ts';
import { ACCOUNTS, policy } from './amifleet.ts';
import { motoEngine } from './engine.ts';
import { HOME, type Moto, REQUIREMENTS, startMoto } from './moto-server.ts';

const MINUTE = 60_000;

/** CopyImage as moto has it: it passes over the token, and the tags in the call. */
await describeWithPython('moto as it is', REQUIREMENTS, (python) => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto(python, { asIs: true });
  });
  afterAll(() => moto.stop());

  it('copies each version once in a process, though its tags never show, and says what is wrong after five minutes', async () => {
    await moto.reset([
      {
        account: HOME,
        region: 'us-east-1',
        id: 'ami-00000000000000001',
        name: 'web-1',
        created: '2025-01-01T00:00:00Z',
        tags: { release: 'stable' },
      },
    ]);
    const clock = adjustableClock(systemClock);
    const engine = motoEngine(moto.endpoint, clock);
    const source = { account: HOME, region: 'us-east-1' };
    const golden = policy('golden', {
      source: { ...source, images: { tags: { release: 'stable' } } },
      regions: [{ name: 'eu-west-1' }],
    });
    const text = [...ACCOUNTS, golden].map((document) => stringify(document)).join('---\n');
    const { policies, accounts } = readDocuments(text, 'test');
    const request: Omit<Request, 'fresh'> = {
      policy: policies[0]!,
      owner: { cluster: 'test', namespace: 'platform', name: 'golden', uid: 'a-uid', source },
      accounts: new Map(accounts.map((account) => [account.metadata.name, account])),
      rivals: [],
      deletedToday: new Set(),
      readOnly: false,
    };
    const pass = (): Promise<Result> => {
      const now = clock.monotonic();
      return reconcile(
        engine,
        { ...request, fresh: { listing: now, grants: now, evidence: now } },
        {
          beforeActing: () => Promise.resolve(),
          beforeDeleting: () => Promise.resolve(),
          confirm: () => Promise.resolve(undefined),
          stop: new AbortController().signal,
        },
      );
    };

    await pass();
    for (const minutes of [1, 3, 10, 60, 24 * 60]) {
      clock.advance(minutes * MINUTE);
      await pass();
    }
    const { decision } = await pass();
    engine.close();
    const copies = await moto.images('eu-west-1');
    expect(copies.map(({ Name, Tags }) => ({ Name, Tags }))).toEqual([{ Name: 'web-1', Tags: [] }]);
    expect(decision.plan.actions).toEqual([]);
    expect(decision.plan.blocked).toMatchObject([
      { code: 'CopyUntagged', effect: 'stalls', message: expect.stringContaining(copies[0]?.ImageId ?? '?') as string },
    ]);
    expect(await moto.calls()).toMatchObject({ CopyImage: 1 });
  });
});
