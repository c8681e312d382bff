import type { Clock } from '../../ambient/clock.ts';
import type { Random } from '../../ambient/random.ts';
import { Buckets } from './buckets.ts';
import type { Call } from './call.ts';
import { type CallCount, CallLog } from './call-log.ts';
import { type Fault, type FaultKind, Faults, refusalOf } from './faults.ts';
import { hasFilter } from './filters.ts';
import { authorize, type Denial, isDenied } from './iam.ts';
import { JSON_OPERATIONS } from './json-operations.ts';
import { OPERATIONS } from './operations.ts';
import { inNoOrder } from './order.ts';
import { Paging } from './paging.ts';
import { populate } from './populate.ts';
import type { Query } from './query.ts';
import { authFailure, Refusal } from './refusal.ts';
import { readRequest, type SignedRequest, type SimRequest, serviceOf } from './request.ts';
import type { Seed } from './seed.ts';
import type { SimWorld } from './sim-world.ts';
import { type Identity, type Service, Sts } from './sts.ts';
import { viewOf, type WorldView } from './world-view.ts';
import { ec2Answer, ec2Error, stsAnswer, stsError } from './xml.ts';

export interface SimResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The connection breaks, no answer ever comes, or it breaks after this body, which is not the whole. */
  readonly instead?: 'reset' | 'silence' | 'cut';
}

/** A call as listeners see it; the action of a dry run is `DryRun:` and its name. */
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
  /** Without dry runs, which do nothing: they are counted apart. */
  calls(): CallCount[];
  dryRuns(): CallCount[];
  resetCalls(): void;
  setFaults(faults: readonly Fault[]): void;
  /** What IAM refuses from now on, in place of what the seed says. */
  deny(denied: readonly Denial[]): void;
  /**
   * Replaces the world.
   * @throws Error, and changes nothing, when the seed refers to something that is not there
   */
  reseed(seed: Seed): void;
  /** Called before each call is carried out; what it throws is thrown by `handle`. */
  onCall(listener: (call: CallEvent) => void): void;
  /** Called after each mutating call that was carried out, with the world before and after it. */
  onMutation(listener: (call: CallEvent, before: WorldView, after: WorldView) => void): void;
  /** Says that an image was launched just now, as RunInstances would after its usual delay. */
  launched(imageId: string, region: string): void;
  /** The usage reports of an image that are being made come to nothing, for this reason. */
  failReports(imageId: string, reason: string): void;
  /** The copy that is being made will fail at its end, and its snapshots for this reason. */
  failCopy(imageId: string, reason: string): void;
  /** Somebody in an account runs an instance of an image, or makes it the newest version of a launch template. */
  use(use: Use): void;
  /** Terminates every instance of an image, and forgets every launch template that names it. */
  disuse(imageId: string): void;
}

/** What of an account names an image. */
interface Use {
  readonly account: string;
  readonly region: string;
  readonly imageId: string;
  /** The name of the launch template. Default: an instance. */
  readonly template?: string;
}

interface State {
  readonly world: SimWorld;
  readonly sts: Sts;
  readonly paging: Paging;
  readonly buckets: Buckets;
  readonly orders: Random;
  readonly denied: readonly Denial[];
}

/** How far back a stale read looks. */
const STALE_MS = 60_000;

/**
 * EC2, STS, KMS and SSM in memory, behind their real protocols.
 * @throws Error when the seed refers to something that is not there
 */
export function createSimulator(options: { readonly seed: Seed; readonly clock: Clock }): Simulator {
  const { clock } = options;
  const start = (seed: Seed): State => {
    const world = populate(seed, clock);
    const paging = new Paging(world.stream('pages'), () => world.now());
    return {
      world,
      sts: new Sts(world),
      paging,
      buckets: new Buckets(),
      orders: world.stream('orders'),
      denied: seed.denied,
    };
  };
  let state = start(options.seed);
  const log = new CallLog();
  const dryLog = new CallLog();
  const faults = new Faults();
  const beforeCall: ((call: CallEvent) => void)[] = [];
  const afterMutation: ((call: CallEvent, before: WorldView, after: WorldView) => void)[] = [];
  let requests = 0;

  return {
    handle(request) {
      requests++;
      const id = `00000000-0000-4000-8000-${String(requests).padStart(12, '0')}`;
      const service = serviceOf(request);
      const answer = (status: number, body: string, instead?: 'reset' | 'silence' | 'cut'): SimResponse => ({
        status,
        headers: {
          'content-type': isJson(service) ? 'application/x-amz-json-1.1' : 'text/xml;charset=UTF-8',
          'x-amzn-requestid': id,
          ...(service === 'ec2' && { server: 'AmazonEC2' }),
          date: new Date(clock.now()).toUTCString(),
        },
        body,
        ...(instead && { instead }),
      });
      try {
        const signed = readRequest(request);
        state.world.settle();
        const { body, kind } = carryOut(signed, id);
        if (kind === 'reset-before' || kind === 'reset-after') return answer(200, '', 'reset');
        if (kind === 'timeout-before' || kind === 'timeout-after') return answer(200, '', 'silence');
        if (kind === 'partial') return answer(200, body.slice(0, Math.floor(body.length / 2)), 'cut');
        return answer(200, body);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { code, message, status } = error;
        if (isJson(service)) return answer(status, JSON.stringify({ __type: code, message }));
        const say = service === 'sts' ? stsError : ec2Error;
        return answer(status, say(code, message, id));
      }
    },
    world: () => {
      state.world.settle();
      return viewOf(state.world);
    },
    calls: () => log.counts(),
    dryRuns: () => dryLog.counts(),
    resetCalls: () => {
      log.reset();
      dryLog.reset();
    },
    setFaults: (list) => faults.set(list),
    deny: (denied) => {
      state = { ...state, denied };
    },
    reseed: (seed) => {
      state = start(seed);
      requests = 0;
      log.reset();
      dryLog.reset();
      faults.set([]);
    },
    onCall: (listener) => beforeCall.push(listener),
    onMutation: (listener) => afterMutation.push(listener),
    launched: (imageId, region) => {
      const image = state.world.findImage(imageId, region);
      if (image) state.world.putImage({ ...image, lastLaunchedAt: state.world.now() });
    },
    failReports: (imageId, reason) => failReports(state.world, imageId, reason),
    failCopy: (imageId, failure) => {
      for (const { pendingImages } of state.world.places()) {
        const pending = pendingImages.get(imageId);
        if (pending) pendingImages.set(imageId, { ...pending, failure });
      }
    },
    use: (use) => addUse(state.world, use),
    disuse: (imageId) => {
      for (const { instances, templates } of state.world.places()) {
        instances.splice(0, Infinity, ...instances.filter((each) => each.imageId !== imageId));
        templates.splice(0, Infinity, ...templates.filter(({ versions }) => !versions.includes(imageId)));
      }
    },
  };

  /** Carries a call out and counts it, refused or not; `kind` says what else is to go wrong. */
  function carryOut(signed: SignedRequest, id: string): { readonly body: string; readonly kind?: FaultKind } {
    const { region, service, query, action } = signed;
    const caller = state.sts.identify(signed.accessKey, signed.sessionToken, service);
    if (action === undefined) throw new Refusal('MissingAction', 'The request must contain the parameter Action');
    // A dry run changes nothing: it is no call of that name, for whoever counts or breaks those.
    const dry = service === 'ec2' && query.get('DryRun') === 'true';
    const name = dry ? `DryRun:${action}` : action;
    const note = (outcome: 'ok' | 'throttled' | 'failed'): void =>
      (dry ? dryLog : log).note(action, caller.account, region, outcome);
    const fault =
      faults.next(name, caller.account, region) ?? (dry ? faults.denial(action, caller.account, region) : undefined);
    const kind = fault?.kind;
    if (kind === 'reset-before' || kind === 'timeout-before') {
      note('failed');
      return { body: '', kind };
    }
    const operations = service === 'sts' ? {} : isJson(service) ? JSON_OPERATIONS[service] : OPERATIONS;
    const mutates = Object.hasOwn(operations, action) && operations[action]?.mutates === true && !dry;
    const event: CallEvent = { action, account: caller.account, region, parameters: query.entries(), mutates };
    for (const listener of beforeCall) listener({ ...event, action: name });
    try {
      const refusal = refusalOf(fault, service);
      if (refusal) throw refusal;
      const body = answerOf(signed, event, caller, id, kind === 'stale');
      note('ok');
      return { body, ...(kind && { kind }) };
    } catch (error) {
      if (error instanceof Refusal)
        note(/^(RequestLimitExceeded|Throttling|ThrottlingException)$/.test(error.code) ? 'throttled' : 'failed');
      throw error;
    }
  }

  function answerOf(signed: SignedRequest, event: CallEvent, caller: Identity, id: string, stale: boolean): string {
    const { service, query, region } = signed;
    if (service === 'sts') return stsAnswer(event.action, id, state.sts.answer(event.action, query, caller, region));
    if (isJson(service)) return json(service, event, signed.input, caller);
    return ec2(event, query, caller, id, stale);
  }

  function json(service: JsonService, event: CallEvent, input: SignedRequest['input'], caller: Identity): string {
    const { world, buckets } = state;
    const { action, region } = event;
    const operations = JSON_OPERATIONS[service];
    if (!world.isEnabled(caller.account, region))
      throw new Refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
    const operation = Object.hasOwn(operations, action) ? operations[action] : undefined;
    if (!operation) throw new Refusal('UnknownOperationException', '');
    if (!buckets.take(caller.account, region, action, world.now(), false))
      throw new Refusal('ThrottlingException', 'Rate exceeded');
    authorize(state.denied, caller, { service, action, region, tagged: false });
    const before = operation.mutates && afterMutation.length > 0 ? viewOf(world) : undefined;
    const body = JSON.stringify(operation.run({ input, world, place: world.place(caller.account, region) }));
    if (before) for (const listener of afterMutation) listener(event, before, viewOf(world));
    return body;
  }

  function ec2(event: CallEvent, query: Query, caller: Identity, id: string, stale: boolean): string {
    const { world, buckets, paging, orders } = state;
    const { action, region } = event;
    if (!world.isEnabled(caller.account, region)) throw authFailure();
    const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
    if (!operation) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`);
    if (!buckets.take(caller.account, region, action, world.now(), isUnfiltered(action, query)))
      throw new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503);
    authorize(state.denied, caller, { service: 'ec2', action, region, tagged: query.names().has('TagSpecification') });
    checkParameters(query, operation.parameters);
    if (query.flag('DryRun'))
      throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
    const hindrance: Call['hindrance'] = (also) => {
      if (isDenied(state.denied, caller, { action: also, region })) return 'missing-permissions';
      return faults.next(`${action}/${also}`, caller.account, region) ? 'internal-error' : undefined;
    };
    const call: Call = { action, query, world, place: world.place(caller.account, region), paging, hindrance };
    const before = operation.mutates && afterMutation.length > 0 ? viewOf(world) : undefined;
    world.lookBackMs = stale && !operation.mutates ? STALE_MS : 0;
    try {
      const body = ec2Answer(action, id, inNoOrder(orders, operation.run(call)));
      if (before) for (const listener of afterMutation) listener(event, before, viewOf(world));
      return body;
    } finally {
      world.lookBackMs = 0;
    }
  }
}

type JsonService = keyof typeof JSON_OPERATIONS;
const isJson = (service: Service): service is JsonService => service === 'kms' || service === 'ssm';

function failReports(world: SimWorld, imageId: string, failure: string): void {
  for (const { usageReports } of world.places())
    for (const [id, report] of usageReports)
      if (report.imageId === imageId && report.readyAt > world.now()) usageReports.set(id, { ...report, failure });
}

function addUse(world: SimWorld, { account, region, imageId, template }: Use): void {
  const place = world.place(account, region);
  const { instances, templates } = place;
  if (template === undefined) {
    instances.push({ id: world.id(place, 'i'), imageId, tags: {}, launchedAt: world.now() });
    return;
  }
  const index = templates.findIndex(({ name }) => name === template);
  const known = templates[index] ?? { id: world.id(place, 'lt'), name: template, versions: [], madeAt: [] };
  templates.splice(index === -1 ? templates.length : index, 1, {
    ...known,
    versions: [...known.versions, imageId],
    madeAt: [...known.madeAt, world.now()],
  });
}

/** A listing of everything, in one piece. */
const isUnfiltered = (action: string, query: Query): boolean =>
  /^Describe(Snapshots|Instances)$/.test(action) && !hasFilter(query) && query.get('MaxResults') === undefined;

function checkParameters(query: Query, known: readonly string[]): void {
  for (const name of query.names()) {
    if (name !== 'Action' && name !== 'Version' && !known.includes(name)) {
      throw new Refusal('UnknownParameter', `The parameter ${name} is not recognized`);
    }
  }
}
