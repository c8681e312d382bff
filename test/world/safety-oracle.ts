import type { Clock } from '../../src/ambient/clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { toPolicy } from '../../src/api/documents.ts';
import type { CallEvent, Simulator } from '../../src/simulator/ec2/simulator.ts';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import type { KubeDocument } from '../../src/simulator/kube/document.ts';
import type { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { judgeCall } from './call-rules.ts';
import type { Lifeline } from './lifeline.ts';
import { judgeWrite } from './object-rules.ts';

/** A change of AWS with the world on both sides of it, and the policies as they are stored at that moment. */
export interface JudgedCall {
  readonly call: CallEvent;
  readonly before: WorldView;
  readonly after: WorldView;
  readonly policies: readonly AmiPolicy[];
  readonly now: number;
  /** What the AwsAccount of an account allows by name. */
  readonly allows: (account: string) => readonly string[];
  /** The last stage of retirement that each image has gone through, and when, as it was seen from outside. */
  readonly stagedAt: ReadonlyMap<string, Staged>;
  /** The EC2NodeClasses of the cluster, as they are stored. */
  readonly nodeClasses: readonly KubeDocument[];
}

export interface Staged {
  readonly stage: 'deprecated' | 'disabled';
  readonly at: number;
}

/**
 * Judges every write of a controller by the safety rules of the design (section 6), by means of its own: it knows the
 * true worlds and shares no code with the planner. It only notes, so that a test sees everything that was wrong.
 */
export class SafetyOracle {
  readonly violations: string[] = [];
  /** Ids of all images that copies were ever made as. */
  readonly made = new Set<string>();
  /** How many changes of AWS, and of status, there were. */
  mutations = 0;
  statusWrites = 0;
  readonly #lives: Lifeline[] = [];
  readonly #accounts = new Map<string, readonly string[]>();
  readonly #allows = (account: string): readonly string[] => this.#accounts.get(account) ?? [];
  readonly #stagedAt = new Map<string, Staged>();
  #leader: string | undefined;
  readonly #policies = new Map<string, AmiPolicy>();
  readonly #nodeClasses = new Map<string, KubeDocument>();

  constructor(aws: Pick<Simulator, 'onMutation'>, kube: KubeSimulator, clock: Clock) {
    kube.onWrite(({ resource, before, after }) => {
      if (resource === 'amipolicies.amifleet.io') this.#remember(before, after);
      if (resource === 'ec2nodeclasses.karpenter.k8s.aws') {
        const name = (after ?? before)?.metadata.name ?? '';
        if (after) this.#nodeClasses.set(name, after);
        else this.#nodeClasses.delete(name);
      }
      if (resource === 'awsaccounts.amifleet.io' && after)
        this.#accounts.set(after.metadata.name ?? '', (after['spec'] as { allow?: string[] }).allow ?? []);
      if (resource === 'leases.coordination.k8s.io')
        this.#leader = (after?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;
      if (!this.#isController()) return;
      if (resource === 'amipolicies.amifleet.io' && before && after && before['status'] !== after['status'])
        this.statusWrites++;
      for (const each of judgeWrite(resource, before, after)) this.note(each);
    });
    aws.onMutation((call, before, after) => {
      for (const { id } of after.images) if (!before.images.some((image) => image.id === id)) this.made.add(id);
      if (!this.#isController()) return;
      this.mutations++;
      const policies = [...this.#policies.values()];
      const judged = {
        call,
        before,
        after,
        policies,
        now: clock.now(),
        stagedAt: this.#stagedAt,
        nodeClasses: [...this.#nodeClasses.values()],
        allows: this.#allows,
      };
      const { identity } = this.#lives.find((life) => life.isCalling) ?? {};
      if (identity !== undefined && identity !== this.#leader)
        this.note(`S10: ${call.action} by ${identity}, and ${this.#leader ?? 'nobody'} holds the lease`);
      for (const each of judgeCall(judged)) this.note(`${call.action} in ${call.account}/${call.region}: ${each}`);
      this.#stage(before, after, clock.now());
    });
  }

  #stage(before: WorldView, after: WorldView, at: number): void {
    const known = new Map(before.images.map((image) => [image.id, image]));
    for (const { id, state, deprecationTime } of after.images) {
      const was = known.get(id);
      if (!was) continue;
      if (was.deprecationTime === undefined && deprecationTime !== undefined)
        this.#stagedAt.set(id, { stage: 'deprecated', at });
      if (was.state === 'available' && state === 'disabled') this.#stagedAt.set(id, { stage: 'disabled', at });
      if (was.state === 'disabled' && state === 'available') this.#stagedAt.delete(id);
    }
  }

  note(violation: string): void {
    this.violations.push(violation);
  }

  /** From now on what is done through `life` counts as done by a controller. */
  watch(life: Lifeline): void {
    this.#lives.push(life);
  }

  #isController(): boolean {
    return this.#lives.some((life) => life.isCalling);
  }

  #remember(before: KubeDocument | undefined, after: KubeDocument | undefined): void {
    const uid = (after ?? before)?.metadata.uid ?? '';
    if (after) this.#policies.set(uid, toPolicy(after as unknown as AmiPolicy));
    else this.#policies.delete(uid);
  }
}
