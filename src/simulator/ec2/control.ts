import { parse } from 'yaml';
import { z } from 'zod';
import type { AdjustableClock } from '../../ambient/adjustable-clock.ts';
import { parseFaults } from './faults.ts';
import { parseSeed } from './seed.ts';
import type { Simulator } from './simulator.ts';

export interface Controlled {
  readonly status: number;
  readonly document: unknown;
}

type Control = (simulator: Simulator, clock: AdjustableClock, body: string) => unknown;

/** The control calls (section 5 of the design), by method and path. */
const CONTROLS: Readonly<Record<string, Control>> = {
  'POST /_sim/seed': (simulator, _clock, body) => {
    simulator.reseed(parseSeed(documentOf(body)));
    return {};
  },
  'POST /_sim/clock': (_simulator, clock, body) => {
    clock.advance(parseAdvance(documentOf(body)) * 1000);
    return { now: new Date(clock.now()).toISOString() };
  },
  'GET /_sim/calls': (simulator) => simulator.calls(),
  'GET /_sim/dry-runs': (simulator) => simulator.dryRuns(),
  'DELETE /_sim/calls': (simulator) => {
    simulator.resetCalls();
    return {};
  },
  'GET /_sim/world': (simulator) => simulator.world(),
  'POST /_sim/faults': (simulator, _clock, body) => {
    simulator.setFaults(parseFaults(documentOf(body)));
    return {};
  },
  'DELETE /_sim/faults': (simulator) => {
    simulator.setFaults([]);
    return {};
  },
};

/** Carries out a control call. What is wrong with one changes nothing. */
export function control(
  simulator: Simulator,
  clock: AdjustableClock,
  request: { readonly method: string; readonly path: string; readonly body: string },
): Controlled {
  const name = `${request.method} ${request.path}`;
  const run = Object.hasOwn(CONTROLS, name) ? CONTROLS[name] : undefined;
  if (!run) {
    const error = `there is no control call ${name}: they are ${Object.keys(CONTROLS).join(', ')}`;
    return {
      status: Object.keys(CONTROLS).some((known) => known.endsWith(` ${request.path}`)) ? 405 : 404,
      document: { error },
    };
  }
  try {
    return { status: 200, document: run(simulator, clock, request.body) };
  } catch (error) {
    return { status: 400, document: { error: error instanceof Error ? error.message : String(error) } };
  }
}

/** A hundred years: beyond it dates end. */
const MAX_SECONDS = 100 * 366 * 86_400;
const advance = z.strictObject({ advanceSeconds: z.number().min(0).max(MAX_SECONDS) });

function parseAdvance(document: unknown): number {
  const result = advance.safeParse(document);
  if (result.success) return result.data.advanceSeconds;
  throw new Error(`{"advanceSeconds": n} is wanted, with n from 0 to ${MAX_SECONDS} (a hundred years)`);
}

/** JSON, or YAML. */
function documentOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return parse(body);
  }
}
