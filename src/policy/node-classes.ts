import type { Image } from './model.ts';
import { matchesPattern } from './selection.ts';

/** What an EC2NodeClass of Karpenter says about the images of its nodes. */
export interface NodeClass {
  readonly name: string;
  /** Any of these may give the images. */
  readonly terms: readonly NodeClassTerm[];
  /** The ids that Karpenter has chosen by these very terms; undefined: its status does not tell. */
  readonly chosen?: readonly string[] | undefined;
}

/** All that is given must match. */
export interface NodeClassTerm {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly owner?: string | undefined;
  /** One of the images that Amazon makes for EKS. */
  readonly alias?: string | undefined;
  readonly ssmParameter?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** What the node classes of a cluster do with an image, in words for people. */
export interface NodeClassUse {
  readonly uses: readonly string[];
  /** Those of which it cannot be said. */
  readonly doubts: readonly string[];
}

/** Where an image is, as far as it decides who finds it. */
interface Place {
  readonly account: string;
  /** Others may launch it. */
  readonly isShared: boolean;
}

/**
 * Which node classes would launch nodes from an image. Karpenter writes down what its terms give: the newest image for
 * each kind of node. Where that is out of date, or it found nothing, whatever the terms could give is in doubt.
 */
export function nodeClassUse(classes: readonly NodeClass[], image: Image, place: Place): NodeClassUse {
  const uses: string[] = [];
  const doubts: string[] = [];
  for (const { name, terms, chosen } of classes) {
    if (terms.some(({ id }) => id === image.id)) uses.push(`EC2NodeClass ${name} names it`);
    else if (chosen?.includes(image.id)) uses.push(`EC2NodeClass ${name} launches nodes from it`);
    else if (!chosen && terms.some((term) => mayGive(term, image, place)))
      doubts.push(
        `EC2NodeClass ${name} may select it, and its status does not say which images Karpenter has chosen by these terms. Wait until it does, or give the image by id`,
      );
  }
  return { uses, doubts };
}

/**
 * What of a term cannot be checked from here counts as met: the parameter's value, whose account `self` is, and the tags
 * that other accounts see on an image: not the owner's, but those that they gave it (ec2-facts 7.4).
 */
function mayGive(
  { id, alias, owner, name, tags = {} }: NodeClassTerm,
  image: Image,
  { account, isShared }: Place,
): boolean {
  if (id !== undefined || alias !== undefined) return false;
  const owners = owner?.split(',').map((each) => each.trim());
  if (owners && !owners.includes('self') && !owners.includes(account)) return false;
  if (name !== undefined && !matchesPattern(name, image.name)) return false;
  if (isShared) return true;
  return Object.entries(tags).every(([key, value]) => {
    const own = image.tags[key];
    return own !== undefined && matchesPattern(value, own);
  });
}
