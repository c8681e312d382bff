import type { KubeDocument } from './document.ts';
import { fieldOf } from './json-object.ts';
import type { ResourceType } from './resource-type.ts';
import { badRequest } from './status-error.ts';

/** Whether an object, in the form of its resource, is wanted. */
export type Selector = (object: KubeDocument) => boolean;

const KEY = String.raw`(?:[a-zA-Z0-9.-]+/)?[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?`;
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([a-zA-Z0-9_.-]*)$`);
const MEMBERSHIP = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/**
 * Reads a label selector.
 * @throws StatusError when it cannot be read
 */
export function labelSelector(text: string): Selector {
  // A comma within parentheses separates values, not requirements.
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements = parts.filter((part) => part !== '').map(labelRequirement);
  return (object) => requirements.every((holds) => holds(object));
}

function labelRequirement(text: string): Selector {
  const valueOf = (object: KubeDocument, key: string): string | undefined => object.metadata.labels?.[key];
  const [, key = '', operator = '', value = ''] = EQUALITY.exec(text) ?? MEMBERSHIP.exec(text) ?? [];
  switch (operator) {
    case '=':
    case '==':
      return (object) => valueOf(object, key) === value;
    case '!=':
      return (object) => valueOf(object, key) !== value;
    case 'in':
    case 'notin': {
      const values = new Set(value.split(',').map((entry) => entry.trim()));
      return (object) => {
        const actual = valueOf(object, key);
        return (actual !== undefined && values.has(actual)) === (operator === 'in');
      };
    }
    default: {
      const [, not, present] = PRESENCE.exec(text) ?? [];
      if (present === undefined) throw badRequest(`unable to parse requirement: ${text}`);
      return (object) => (valueOf(object, present) === undefined) === (not === '!');
    }
  }
}

/**
 * Reads a field selector.
 * @throws StatusError when it cannot be read, or names a field that this resource does not select by
 */
export function fieldSelector(type: ResourceType, text: string): Selector {
  const known = new Set(['metadata.name', 'metadata.namespace', ...type.selectableFields]);
  const requirements = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part): Selector => {
      const [, field, operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(part) ?? [];
      if (field === undefined) {
        throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
      }
      if (!known.has(field)) throw badRequest(`field label not supported: ${field}`);
      return (object) => (textAt(object, field) === value) === (operator !== '!=');
    });
  return (object) => requirements.every((holds) => holds(object));
}

function textAt(object: KubeDocument, field: string): string {
  // The core Event selects by `source`, which stands for its component.
  const path = field === 'source' ? ['source', 'component'] : field.split('.');
  const value = path.reduce<unknown>(fieldOf, object);
  return typeof value === 'string' ? value : '';
}
