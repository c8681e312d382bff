import { parser } from '@prometheus-io/lezer-promql';

/** What an expression reads, and what it does with it. */
export interface Query {
  /** Where the grammar of Prometheus does not accept it; undefined: it does. */
  readonly errorAt: number | undefined;
  readonly selectors: readonly Selector[];
  /** The labels that it groups by, wherever in it. */
  readonly groupedBy: readonly string[];
}

interface Selector {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads an expression with the grammar that Prometheus itself has for its editor. */
export function parseQuery(expression: string): Query {
  const selectors: { metric: string; labels: Record<string, string> }[] = [];
  const groupedBy: string[] = [];
  let errorAt: number | undefined;
  let label = '';
  let grouping = false;
  parser.parse(expression).iterate({
    enter: ({ type, name, from, to }) => {
      const text = expression.slice(from, to);
      if (type.isError) errorAt ??= from;
      if (name === 'GroupingLabels') grouping = true;
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: {} });
      const selector = selectors.at(-1);
      if (name === 'Identifier' && selector?.metric === '') selector.metric = text;
      if (name === 'LabelName' && grouping) groupedBy.push(text);
      else if (name === 'LabelName') label = text;
      if (name === 'StringLiteral' && selector) selector.labels[label] = JSON.parse(text) as string;
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') grouping = false;
    },
  });
  return { errorAt, selectors, groupedBy };
}
