import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { CONDITION_TYPES } from '../../src/api/conditions.ts';
import { EventLoopWatch } from '../../src/server/event-loop-watch.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { parseQuery } from './promql.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const yaml = (path: string): unknown => parse(readFileSync(root(path), 'utf8')) as unknown;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
const { spec } = yaml('deploy/prometheus/rules.yaml') as { spec: { groups: { rules: Rule[] }[] } };
const rules = spec.groups.flatMap((group) => group.rules);

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const { panels } = JSON.parse(readFileSync(root('deploy/grafana/amifleet.json'), 'utf8')) as { panels: Panel[] };

const queries: [where: string, expression: string, text: string][] = [
  ...rules.map(({ alert, expr, annotations }): [string, string, string] => [
    `alert ${alert}`,
    expr,
    Object.values(annotations).join(' '),
  ]),
  ...panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }): [string, string, string] => [`panel ${title}`, expr, legendFormat]),
  ),
];

const clock = new VirtualClock(0);
/** The labels of each series, by its name, also of the parts of histograms. */
const served = new Map<string, ReadonlySet<string>>();
for (const metric of new Metrics(clock, new EventLoopWatch(clock)).registry.getMetricsAsArray()) {
  const { name, type, labelNames } = metric as typeof metric & { readonly labelNames: readonly string[] };
  if (type === 'histogram') {
    served.set(`${name}_bucket`, new Set([...labelNames, 'le']));
    for (const part of ['sum', 'count']) served.set(`${name}_${part}`, new Set(labelNames));
  } else {
    served.set(name, new Set(labelNames));
  }
}
/** What Prometheus adds to whatever it scrapes from the Service. */
const ADDED = ['job', 'pod', 'namespace'];

const concepts = readFileSync(root('docs/concepts.md'), 'utf8');
const page = readFileSync(root('docs/metrics.md'), 'utf8');

describe('the queries of alerts and of the dashboard', () => {
  it('are there', () => {
    expect(rules.length).toBeGreaterThan(5);
    expect(queries.length).toBeGreaterThan(30);
  });

  it.each(queries)('%s: %s', (_, expression, text) => {
    const { errorAt, selectors, groupedBy } = parseQuery(expression);
    expect(errorAt).toBeUndefined();
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...served.keys()]).toContain(metric);
      const known = new Set([...(served.get(metric) ?? []), ...ADDED]);
      for (const label of [...Object.keys(labels), ...groupedBy]) expect([...known]).toContain(label);
      // What others have metrics of the same name for is asked of amifleet alone.
      expect(metric.startsWith('amifleet_') || labels['job'] !== undefined).toBe(true);
      expect([...CONDITION_TYPES, undefined]).toContain(labels['type']);
      expect(labels['reason'] === undefined || concepts.includes(`\n| \`${labels['reason']}\``)).toBe(true);
    }
    // A label that the result does not have would be shown as nothing.
    const result = expression.includes(' by (')
      ? groupedBy
      : selectors[0] && [...(served.get(selectors[0].metric) ?? [])];
    for (const [, label] of text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z]+)/g)) expect(result).toContain(label);
  });
});

describe('the alerts', () => {
  it('say how bad it is, what it means and what to do, and are explained once each', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).not.toBe('');
      expect(annotations.description.length).toBeGreaterThan(40);
      expect(page.split(`\n- \`${alert}\``)).toHaveLength(2);
    }
    expect([...page.matchAll(/^- `(Amifleet\w+)`/gm)].map(([, name]) => name)).toEqual(rules.map(({ alert }) => alert));
  });

  it('ask for the job that the ServiceMonitor makes, of the Service that there is', () => {
    const jobs = rules.flatMap(({ expr }) => parseQuery(expr).selectors.flatMap(({ labels }) => labels['job'] ?? []));
    const service = yaml('deploy/kustomize/metrics-service.yaml') as {
      metadata: { name: string; labels: Record<string, string> };
      spec: { ports: { name: string }[] };
    };
    expect(new Set(jobs)).toEqual(new Set([service.metadata.name]));
    const monitor = yaml('deploy/prometheus/service-monitor.yaml') as {
      spec: { selector: { matchLabels: Record<string, string> }; endpoints: { port: string; honorLabels: boolean }[] };
    };
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(monitor.spec.endpoints.map(({ port }) => port)).toEqual(service.spec.ports.map(({ name }) => name));
    // Without it the namespace of a policy would be overwritten by that of the pod.
    expect(monitor.spec.endpoints.every(({ honorLabels }) => honorLabels)).toBe(true);
  });

  it('are in the component, with everything else of its folder', () => {
    const { kind, resources } = yaml('deploy/prometheus/kustomization.yaml') as { kind: string; resources: string[] };
    expect(kind).toBe('Component');
    const files = readdirSync(root('deploy/prometheus')).filter((name) => name !== 'kustomization.yaml');
    expect(resources.toSorted()).toEqual(files.toSorted());
  });
});

describe('the panels of the dashboard', () => {
  it('have ids of their own, fit in, and do not lie on each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(`${title} over ${taken.get(`${x} ${y}`) ?? 'nothing'}`).toBe(`${title} over nothing`);
          taken.set(`${x} ${y}`, title);
        }
    }
  });
});
