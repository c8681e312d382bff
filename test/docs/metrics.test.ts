import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { EventLoopWatch } from '../../src/server/event-loop-watch.ts';
import { Metrics } from '../../src/server/metrics.ts';

const clock = new VirtualClock(0);
const { registry } = new Metrics(clock, new EventLoopWatch(clock));

const served = registry
  .getMetricsAsArray()
  // The labels are there at run time; the types leave them out.
  .map((metric) => metric as typeof metric & { readonly labelNames: readonly string[] })
  .map(({ name, type, labelNames }) => `${name} ${type} ${labelNames.join(', ')}`.trim());

const page = readFileSync(fileURLToPath(new URL('../../docs/metrics.md', import.meta.url)), 'utf8');
const described = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, name = '', type = '', labels = ''] = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
    return `${name} ${type} ${labels}`.trim();
  });

describe('docs/metrics.md', () => {
  it('describes every metric that is served, with its type and labels, and no other', () => {
    expect(described.length).toBeGreaterThan(20);
    expect(described.toSorted()).toEqual(served.toSorted());
  });
});

describe('the metrics', () => {
  it('have no label whose values are without number', () => {
    const known = new Set(
      'account action call cause code controller method name namespace outcome priority reason region result status type'.split(
        ' ',
      ),
    );
    const labels = served.flatMap((line) => line.split(' ').slice(2).join(' ').split(', ')).filter(Boolean);
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
  });

  it('say of the event loop how late it was', async () => {
    const delayed = new Metrics(clock, { longestDelayMs: () => 1500 });
    expect(await delayed.registry.metrics()).toContain('\namifleet_event_loop_delay_seconds 1.5\n');
  });

  it('are there with a zero from the start where a rate is made of them', async () => {
    const text = await registry.metrics();
    for (const line of [
      'controller_runtime_reconcile_total{controller="amipolicy",result="error"} 0',
      'controller_runtime_reconcile_errors_total{controller="awsaccount"} 0',
      'amifleet_destructive_calls_total{call="DeregisterImage",outcome="done"} 0',
      'workqueue_queue_duration_seconds_count{name="amipolicy"} 0',
    ])
      expect(text).toContain(line);
  });
});
