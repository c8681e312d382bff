import { customResourceDefinitions } from './crd.ts';
import type { StructuralSchema } from './structural.ts';

/** The field reference of both kinds as Markdown, from the same schemas as the CRDs. */
export function fieldReference(): string {
  const parts = [
    '# Field reference',
    '',
    'Made by `npm run crds` from the schemas in `src/api`; do not edit it by hand. `kubectl explain` shows the same text.',
  ];
  for (const definition of customResourceDefinitions()) {
    const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
    const { kind, shortNames, plural } = definition.spec.names;
    parts.push('', `## ${kind}`, '', schema.description ?? '', '');
    parts.push(
      `${definition.spec.scope}; \`kubectl get ${plural}\`, short name \`${shortNames.join('`, `')}\`. Rules marked "Rule" span several fields; what breaks one is refused with that message.`,
    );
    for (const rule of schema['x-kubernetes-validations'] ?? []) parts.push('', `Rule: ${rule.message}.`);
    for (const part of ['spec', 'status']) {
      const child = schema.properties?.[part];
      if (child) parts.push('', `### ${kind} ${part}`, '', ...table(child, part));
    }
  }
  return `${parts.join('\n')}\n`;
}

function table(schema: StructuralSchema, path: string): string[] {
  const rows = ['| field | type | meaning |', '| --- | --- | --- |'];
  walk(schema, path, rows);
  return rows;
}

function walk(schema: StructuralSchema, path: string, rows: string[]): void {
  const required = new Set(schema.required);
  for (const rule of schema['x-kubernetes-validations'] ?? [])
    rows.push(`| \`${path}\` | | Rule: ${escape(rule.message)}. |`);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const where = `${path}.${name}`;
    const needed = required.has(name) ? 'required' : '';
    rows.push(`| \`${where}\` | ${escape([typeOf(child), needed].filter(Boolean).join(', '))} | ${meaning(child)} |`);
    const inner = child.type === 'array' ? child.items : child;
    if (inner?.properties) walk(inner, child.type === 'array' ? `${where}[]` : where, rows);
    else
      for (const rule of inner?.['x-kubernetes-validations'] ?? [])
        rows.push(`| \`${where}\` | | Rule: ${escape(rule.message)}. |`);
  }
}

function meaning(schema: StructuralSchema): string {
  const parts = [schema.description ?? ''];
  if (schema.default !== undefined && schema.type !== 'object' && !/Default/.test(schema.description ?? '')) {
    parts.push(`Default ${JSON.stringify(schema.default)}.`);
  }
  const low = schema.minimum;
  const high = schema.maximum;
  if (low !== undefined && high !== undefined) parts.push(`From ${low} to ${high}.`);
  if (schema.maxItems !== undefined) parts.push(`At most ${schema.maxItems}.`);
  if (schema.maxProperties !== undefined) parts.push(`At most ${schema.maxProperties}.`);
  return escape(parts.filter(Boolean).join(' '));
}

function typeOf(schema: StructuralSchema): string {
  if (schema.enum) return schema.enum.map((entry) => `\`${String(entry)}\``).join(' or ');
  if (schema.type === 'array') {
    const kind =
      schema['x-kubernetes-list-type'] === 'map' ? `by ${schema['x-kubernetes-list-map-keys']?.join(', ')}` : '';
    return `list of ${typeOf(schema.items ?? {})}${kind && ` (${kind})`}`;
  }
  if (schema.type === 'object' && schema.additionalProperties) return `map to ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? 'any';
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|');
}
