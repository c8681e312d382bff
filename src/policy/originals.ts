import { isUnderAskedKey } from './encryption.ts';
import type { Pass } from './pass.ts';
import type { Copy } from './versions.ts';

/** Another copy of the same version in the same target, which stays where one of two must go. */
export interface Original {
  readonly kind: 'twin' | 'replacement';
  readonly id: string;
}

/**
 * The copy that stays where there are two of one version in one target: the oldest that is ready, else the oldest, of
 * those under the right key. One under another key stays until one under the right key is ready.
 */
export function originalOf(pass: Pass, copy: Copy, copies: readonly Copy[]): Original | undefined {
  if (copies.length < 2) return undefined;
  const live = copies.filter(({ image }) => image.state === 'available' || image.state === 'pending');
  if (!live.includes(copy)) return undefined;
  const isRight = ({ image, target }: Copy): boolean => isUnderAskedKey(pass, image, target);
  const right = isRight(copy);
  const replacement = right ? undefined : live.find((each) => each.image.state === 'available' && isRight(each));
  if (replacement) return { kind: 'replacement', id: replacement.image.id };
  const alike = live.filter((each) => isRight(each) === right);
  const kept = alike.find(({ image }) => image.state === 'available') ?? alike[0];
  return kept && kept.image.id !== copy.image.id ? { kind: 'twin', id: kept.image.id } : undefined;
}
