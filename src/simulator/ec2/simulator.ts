import type { Clock } from '../../ambient/clock.ts';
import { Buckets } from './buckets.ts';
import type { Call } from './call.ts';
import { type CallCount, CallLog } from './call-log.ts';
import { type Fault, Faults } from './faults.ts';
import { hasFilter } from './filters.ts';
import { OPERATIONS } from './operations.ts';
import { Paging } from './paging.ts';
import { Query } from './query.ts';
import { authFailure, Refusal } from './refusal.ts';
import type { Seed } from './seed.ts';
import { SimWorld } from './sim-world.ts';
import { type Identity, Sts } from './sts.ts';
import { viewOf, type WorldView } from './world-view.ts';
import { ec2Answer, ec2Error, stsAnswer, stsError } from './xml.ts';

/** An HTTP request, whoever carries it. Header names in lower case. */
export interface SimRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface SimResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The connection breaks, or no answer ever comes. */
  readonly instead?: 'reset' | 'silence';
}

/** A call as listeners see it. */
export interface CallEvent {
  readonly action: string;
  readonly account: string;
  readonly region: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly mutates: boolean;
}

export interface Simulator {
  handle(request: SimRequest): SimResponse;
  /** The world as it truly is. */
  world(): WorldView;
  calls(): CallCount[];
  resetCalls(): void;
  setFaults(faults: readonly Fault[]): void;
  /** Replaces the world. */
  reseed(seed: Seed): void;
  /** Called before each call is carried out; what it throws is thrown by `handle`. */
  onCall(listener: (call: CallEvent) => void): void;
  /** Called after each mutating call that was carried out, with the world before and after it. */
  onMutation(listener: (call: CallEvent, before: WorldView, after: WorldView) => void): void;
  /** Says that an image was launched just now, as RunInstances would after its usual delay. */
  launched(imageId: string, region: string): void;
}

interface State {
  readonly world: SimWorld;
  readonly sts: Sts;
  readonly paging: Paging;
  readonly buckets: Buckets;
}

/** EC2 and STS in memory, behind their real Query protocol. */
export function createSimulator(options: { readonly seed: Seed; readonly clock: Clock }): Simulator {
  const { clock } = options;
  const start = (seed: Seed): State => {
    const world = new SimWorld(seed, clock);
    return { world, sts: new Sts(seed, clock), paging: new Paging(world.random), buckets: new Buckets() };
  };
  let state = start(options.seed);
  const log = new CallLog();
  const faults = new Faults();
  const beforeCall: ((call: CallEvent) => void)[] = [];
  const afterMutation: ((call: CallEvent, before: WorldView, after: WorldView) => void)[] = [];
  let requests = 0;

  return {
    handle(request) {
      requests++;
      const id = `00000000-0000-4000-8000-${String(requests).padStart(12, '0')}`;
      const headers = {
        'content-type': 'text/xml;charset=UTF-8',
        'x-amzn-requestid': id,
        date: new Date(clock.now()).toUTCString(),
      };
      const isSts = /\/sts\/aws4_request/.test(request.headers['authorization'] ?? '');
      const answer = (status: number, body: string): SimResponse => ({ status, headers, body });
      const refuse = ({ code, message, status }: Refusal): SimResponse =>
        answer(status, isSts ? stsError(code, message, id) : ec2Error(code, message, id));
      try {
        return route(request, isSts, id, answer);
      } catch (error) {
        if (error instanceof Refusal) return refuse(error);
        throw error;
      }
    },
    world: () => {
      state.world.settle();
      return viewOf(state.world);
    },
    calls: () => log.counts(),
    resetCalls: () => log.reset(),
    setFaults: (list) => faults.set(list),
    reseed: (seed) => {
      state = start(seed);
      log.reset();
      faults.set([]);
    },
    onCall: (listener) => beforeCall.push(listener),
    onMutation: (listener) => afterMutation.push(listener),
    launched: (imageId, region) => {
      const image = state.world.findImage(imageId, region);
      if (image) state.world.putImage({ ...image, lastLaunchedAt: clock.now() });
    },
  };

  function route(
    request: SimRequest,
    isSts: boolean,
    id: string,
    answer: (status: number, body: string) => SimResponse,
  ): SimResponse {
    const credential = /Credential=([^/\s]+)\/\d{8}\/([a-z0-9-]+)\/(ec2|sts)\/aws4_request/.exec(
      request.headers['authorization'] ?? '',
    );
    if (!credential) throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
    const [, accessKey = '', region = ''] = credential;
    state.world.settle();
    const caller = state.sts.identify(accessKey, request.headers['x-amz-security-token']);
    const query = Query.parse(request.method === 'GET' ? (request.url.split('?')[1] ?? '') : request.body);
    const action = query.required('Action');
    if (isSts) {
      log.note(action, caller.account, region, 'ok');
      return answer(200, stsAnswer(action, id, state.sts.answer(action, query, caller)));
    }
    return ec2(action, query, caller, region, id, answer);
  }

  function ec2(
    action: string,
    query: Query,
    caller: Identity,
    region: string,
    id: string,
    answer: (status: number, body: string) => SimResponse,
  ): SimResponse {
    const { world, buckets, paging } = state;
    const operation = OPERATIONS[action];
    const event: CallEvent = {
      action,
      account: caller.account,
      region,
      parameters: query.entries(),
      mutates: operation?.mutates ?? false,
    };
    const note = (outcome: 'ok' | 'throttled' | 'failed'): void => log.note(action, caller.account, region, outcome);
    const fault = faults.next(action, caller.account, region);
    if (fault === 'reset-before' || fault === 'timeout-before') {
      note('failed');
      return { ...answer(200, ''), instead: fault === 'reset-before' ? 'reset' : 'silence' };
    }
    for (const listener of beforeCall) listener(event);
    try {
      const regions = world.regionsOf(caller.account);
      if (!regions.some(({ name, enabled }) => name === region && enabled)) throw authFailure();
      if (fault === 'throttle') throw new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503);
      if (fault === 'http-500') throw new Refusal('InternalError', 'An internal error has occurred', 500);
      if (fault?.startsWith('error-')) throw new Refusal(fault.slice(6), `Simulated ${fault.slice(6)}`, 400);
      if (!operation) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`);
      checkParameters(query, operation.parameters);
      buckets.take(
        caller.account,
        region,
        action,
        world.now(),
        !hasFilter(query) && query.get('MaxResults') === undefined && /^Describe(Snapshots|Instances)$/.test(action),
      );
      if (query.flag('DryRun'))
        throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
      const call: Call = { action, query, world, place: world.place(caller.account, region), paging };
      const before = operation.mutates && afterMutation.length > 0 ? viewOf(world) : undefined;
      world.lookBackMs = fault === 'stale' && !operation.mutates ? STALE_MS : 0;
      const body = ec2Answer(action, id, operation.run(call));
      world.lookBackMs = 0;
      note('ok');
      if (before) for (const listener of afterMutation) listener(event, before, viewOf(world));
      if (fault === 'partial') return answer(200, body.slice(0, Math.floor(body.length / 2)));
      if (fault === 'reset-after' || fault === 'timeout-after')
        return { ...answer(200, body), instead: fault === 'reset-after' ? 'reset' : 'silence' };
      return answer(200, body);
    } catch (error) {
      world.lookBackMs = 0;
      if (error instanceof Refusal) note(error.code === 'RequestLimitExceeded' ? 'throttled' : 'failed');
      throw error;
    }
  }
}

const STALE_MS = 60_000;

function checkParameters(query: Query, known: readonly string[]): void {
  for (const name of query.names()) {
    if (name !== 'Action' && name !== 'Version' && !known.includes(name)) {
      throw new Refusal('UnknownParameter', `The parameter ${name} is not recognized`);
    }
  }
}
