import { afterEach, beforeEach, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { ImageReads } from '../../src/aws/image-reads.ts';
import { HOME, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const SECOND_SOURCE = 'ami-00000000000000002';
let aws: SimulatedAws;
let clock: VirtualClock;
let reads: ImageReads;
/** Requests, without those for the rest of a page that the simulated EC2 has cut short. */
let requests: number;

beforeEach(async () => {
  aws = await simulatedAws({
    accounts: {
      [HOME.account]: {
        [HOME.region]: { images: [SOURCE, SECOND_SOURCE].map((id) => ({ id, name: id, tags: { app: id } })) },
      },
    },
  });
  clock = new VirtualClock(0);
  reads = new ImageReads(aws.open(HOME).ec2, clock);
  requests = 0;
  aws.simulator.onCall(({ action, parameters }) => {
    if (action === 'DescribeImages' && parameters['NextToken'] === undefined) requests += 1;
  });
});
afterEach(() => aws[Symbol.asyncDispose]());

it('images that are asked for at the same time cost one request, and each gets its own', async () => {
  const asked = [SOURCE, SECOND_SOURCE, SOURCE, 'ami-00000000000000099'].map((id) => reads.read(id, {}));
  await clock.advance(20);
  const images = await Promise.all(asked);
  expect(images.map((image) => image?.tags['app'])).toEqual([SOURCE, SECOND_SOURCE, SOURCE, undefined]);
  expect(requests).toBe(1);
});

it('one that is asked for later is read anew', async () => {
  for (let round = 1; round <= 2; round++) {
    const asked = reads.read(SOURCE, {});
    await clock.advance(20);
    await asked;
    expect(requests).toBe(round);
  }
});

it('a refusal is everybody’s, and who has gone meanwhile is not missed', async () => {
  aws.faults({ action: 'DescribeImages', kind: 'error-UnauthorizedOperation', times: 1 });
  const gone = new AbortController();
  const waiting = reads.read(SOURCE, { signal: gone.signal });
  const asked = reads.read(SECOND_SOURCE, {});
  gone.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  await Promise.all([expect(asked).rejects.toThrow('UnauthorizedOperation'), clock.advance(20)]);
});
