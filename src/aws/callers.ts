import { PRIORITIES, type Priority } from './priority.ts';

/** So many may go before somebody of a lower priority. */
const PATIENCE = 16;

/** Somebody who waits for one token. */
export interface Caller {
  readonly priority: Priority;
  /** Whose work it is: each gets its turn. */
  readonly flow: string;
  readonly since: number;
  readonly go: () => void;
  readonly refuse: (why: Error) => void;
}

/**
 * Who waits for a bucket, in the order in which they are served: by priority, within one in turn between the flows, and
 * within a flow in the order in which they came. Every so often somebody of a lower priority is served all the same, so
 * that nobody starves (S9).
 */
export class Callers {
  readonly #lines: Readonly<Record<Priority, Line>> = { user: new Line(), normal: new Line(), sweep: new Line() };
  /** How many were served while somebody with a lower priority waited. */
  #overtaken = 0;

  get count(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.#lines[priority].count, 0);
  }

  add(caller: Caller): void {
    this.#lines[caller.priority].add(caller);
  }

  remove(caller: Caller): void {
    this.#lines[caller.priority].remove(caller);
  }

  /** Takes out who is next. */
  next(): Caller | undefined {
    const [highest, ...lower] = PRIORITIES.map((priority) => this.#lines[priority]).filter(({ count }) => count > 0);
    this.#overtaken = lower.length === 0 ? 0 : this.#overtaken + 1;
    if (this.#overtaken <= PATIENCE) return highest?.next();
    this.#overtaken = 0;
    return lower.reduce((oldest, line) => (line.since < oldest.since ? line : oldest)).next();
  }

  /** Takes out everybody. */
  *all(): Generator<Caller> {
    for (const priority of PRIORITIES)
      for (let caller = this.#lines[priority].next(); caller; caller = this.#lines[priority].next()) yield caller;
  }
}

/** The callers of one priority. */
class Line {
  /** By flow. The first flow is served next, and then goes to the end. */
  readonly #flows = new Map<string, Caller[]>();
  count = 0;

  /** Since when the one waits who is next; Infinity when nobody waits. */
  get since(): number {
    const [first] = this.#flows.values();
    return first?.[0]?.since ?? Number.POSITIVE_INFINITY;
  }

  add(caller: Caller): void {
    const callers = this.#flows.get(caller.flow);
    if (callers) callers.push(caller);
    else this.#flows.set(caller.flow, [caller]);
    this.count += 1;
  }

  remove(caller: Caller): void {
    const callers = this.#flows.get(caller.flow) ?? [];
    const index = callers.indexOf(caller);
    if (index === -1) return;
    callers.splice(index, 1);
    if (callers.length === 0) this.#flows.delete(caller.flow);
    this.count -= 1;
  }

  next(): Caller | undefined {
    const [first] = this.#flows;
    if (!first) return undefined;
    const [flow, callers] = first;
    const caller = callers.shift();
    this.#flows.delete(flow);
    if (callers.length > 0) this.#flows.set(flow, callers);
    this.count -= 1;
    return caller;
  }
}
