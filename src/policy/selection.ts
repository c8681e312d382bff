import { createHash } from 'node:crypto';
import type { AmiPolicySpec } from '../api/ami-policy.ts';
import type { Image, Tags } from './model.ts';
import { MAX_TAG_VALUE, TAG } from './tags.ts';

export type Selector = AmiPolicySpec['source']['images'];

/** Why an image is no source, or that it is one. */
export type Selection = 'selected' | 'unmatched' | 'excluded' | 'copy';

/**
 * Whether the selector takes an image of the source account. Every criterion that is given must match. An image that
 * carries an `amifleet.io/source-*` tag is a copy, and a source only where its id is listed: a policy must not feed on
 * what another one makes.
 */
export function select(image: Image, selector: Selector): Selection {
  if (isExcluded(image.id, image.name, selector)) return 'excluded';
  const { names, ids, tags, architectures } = selector;
  if (isCopy(image.tags) && !ids?.includes(image.id)) return 'copy';
  if (ids && !ids.includes(image.id)) return 'unmatched';
  if (architectures && !architectures.some((architecture) => architecture === image.architecture)) return 'unmatched';
  if (tags && Object.entries(tags).some(([key, value]) => image.tags[key] !== value)) return 'unmatched';
  if (names && !names.some((pattern) => matchesPattern(pattern, image.name))) return 'unmatched';
  return 'selected';
}

/** Whether `exclude` names the source image, by id or by exact name; it does so also after the image is gone. */
export function isExcluded(id: string, name: string, selector: Selector): boolean {
  return selector.exclude !== undefined && (selector.exclude.includes(id) || selector.exclude.includes(name));
}

export const isCopy = (tags: Tags): boolean =>
  tags[TAG.sourceImage] !== undefined ||
  tags[TAG.sourceRegion] !== undefined ||
  tags[TAG.sourceAccount] !== undefined ||
  tags[TAG.sourceCreated] !== undefined ||
  tags[TAG.sourceName] !== undefined;

type Piece =
  | { readonly kind: 'any' }
  | { readonly kind: 'optional' }
  | { readonly kind: 'exactly'; readonly text: string };

const parsed = new Map<string, readonly Piece[]>();

/**
 * Matches as EC2 filters do: `*` stands for any characters, `?` for none or one, a backslash takes the next character
 * as it is. Case counts. Every position of the pattern that is still possible is kept in a set, because a regular
 * expression made from a hostile pattern (`*a*a*a…`) could take for ever.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  let pieces = parsed.get(pattern);
  if (!pieces) {
    pieces = [...piecesOf(pattern)];
    parsed.set(pattern, pieces);
  }
  let possible = withSkips(pieces, [0]);
  for (const character of text) {
    const next: number[] = [];
    for (const position of possible) {
      const piece = pieces[position];
      if (piece?.kind === 'any') next.push(position);
      else if (piece && (piece.kind === 'optional' || piece.text === character)) next.push(position + 1);
    }
    if (next.length === 0) return false;
    possible = withSkips(pieces, next);
  }
  return possible.has(pieces.length);
}

/** What every text that a pattern matches begins with. */
export const literalStart = (pattern: string): string => /^[^*?\\]*/.exec(pattern)?.[0] ?? '';

/** The positions, and those that follow where a wildcard stands for nothing. */
function withSkips(pieces: readonly Piece[], positions: readonly number[]): Set<number> {
  const reached = new Set<number>();
  for (const start of positions) {
    for (let at = start; !reached.has(at); at++) {
      reached.add(at);
      const piece = pieces[at];
      if (!piece || piece.kind === 'exactly') break;
    }
  }
  return reached;
}

function* piecesOf(pattern: string): Generator<Piece> {
  let literal = false;
  for (const character of pattern) {
    if (!literal && character === '\\') {
      literal = true;
    } else {
      if (!literal && character === '*') yield { kind: 'any' };
      else if (!literal && character === '?') yield { kind: 'optional' };
      else yield { kind: 'exactly', text: character };
      literal = false;
    }
  }
  if (literal) yield { kind: 'exactly', text: '\\' };
}

/**
 * The family of an image: its architecture and its values of the groupBy tags, for example `x86_64 app=web`. Written on
 * copies, so it is cut to what a tag value holds, with enough left to tell families apart.
 */
export function familyOf(architecture: string, tags: Tags, groupBy: readonly string[]): string {
  if (groupBy.length === 0) return architecture;
  const name = [architecture, ...groupBy.toSorted().map((key) => `${key}=${tags[key] ?? ''}`)].join(' ');
  if (name.length <= MAX_TAG_VALUE) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, MAX_TAG_VALUE - digest.length - 1)}#${digest}`;
}
