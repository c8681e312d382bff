import type { AmiPolicySpec } from '../api/ami-policy.ts';
import type { SharedListing } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';
import { matchesPattern } from './selection.ts';
import { TAG } from './tags.ts';
import type { Copy } from './versions.ts';

/** The other account whose images are the sources; undefined where the source account owns them itself. */
export function ownerOfSources({ source }: AmiPolicySpec): string | undefined {
  const { owner } = source.images;
  return owner === 'self' || owner === source.account ? undefined : owner;
}

/**
 * Which images of another account tell of the sources of a policy: those that the selector may take, by name or id, and
 * those that copies were made of, because an image that the selector does not take any more is there and no less seen.
 */
export function sharedListing(
  spec: AmiPolicySpec,
  copies: ReadonlyMap<string, readonly Copy[]>,
): SharedListing | undefined {
  const owner = ownerOfSources(spec);
  if (owner === undefined) return undefined;
  const { names = [], ids } = spec.source.images;
  const byName = ids === undefined;
  const made = [...copies].flatMap(([id, [copy]]) => {
    const name = copy?.image.tags[TAG.sourceName] ?? '';
    return byName && names.some((pattern) => matchesPattern(pattern, name)) ? [] : [id];
  });
  return {
    owner,
    names: byName ? names.toSorted() : [],
    ids: [...new Set([...(ids ?? []), ...made])].toSorted(),
  };
}

/** Asks for the images of another account that are the sources, or says why they could not be listed. */
export function lookForShared(pass: Pass): void {
  const { draft, owner, set } = pass;
  const { shared } = set;
  if (!shared || !inventoryOf(pass, owner.source)) return;
  const { listing, answer } = shared;
  if (!answer) draft.need({ kind: 'sharedImages', target: owner.source, listing });
  else if (!answer.ok) {
    draft.block({
      part: 'source',
      code: 'SourcesUnknown',
      subject: 'source.images',
      target: owner.source,
      message: `the images of account ${listing.owner} could not be listed in ${owner.source.region}: ${answer.why}. Nothing is copied or retired until they can`,
      effect: 'retries',
    });
  }
}
