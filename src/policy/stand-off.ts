import type { Image } from './model.ts';
import { managerOf } from './other-managers.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import type { Action, ActionKind, Blocked, Call } from './plan.ts';
import { managedBy } from './protection.ts';
import { partOf } from './restrictions.ts';
import { TAG } from './tags.ts';

/** What is lent for a copy is taken back again, and leaves an image as it was. */
const LEAVES_NO_TRACE: ReadonlySet<ActionKind> = new Set([
  'MarkTemporaryGrant',
  'GrantTemporarily',
  'RevokeTemporaryGrant',
  'UnmarkTemporaryGrant',
]);

/**
 * Takes out of a plan every change of a copy that another manager has taken over since it was made. Source images carry
 * such marks from the start: they are shared and claimed all the same.
 */
export function standOff(
  pass: Pass,
  actions: readonly Action[],
): { readonly actions: readonly Action[]; readonly blocked: readonly Blocked[] } {
  const blocked: Blocked[] = [];
  const out = new Set<string>();
  for (const action of actions) {
    if (action.needs.some((id) => out.has(id))) out.add(action.id);
    if (out.has(action.id) || LEAVES_NO_TRACE.has(action.kind)) continue;
    const inventory = inventoryOf(pass, action.target);
    for (const id of changedBy(action.call)) {
      const image = inventory?.images.get(id);
      const manager = image && ofAnother(pass, image);
      if (!image || manager === undefined) continue;
      out.add(action.id);
      blocked.push({
        part: partOf(action, pass.deleting),
        code: 'ManagedByOther',
        subject: label(image.name, image.id),
        target: action.target,
        message: `left as it is: ${managedBy(manager)}`,
        effect: pass.deleting ? 'stalls' : 'keeps',
      });
    }
  }
  const once = new Map(blocked.map((each) => [`${each.part} ${each.subject}`, each]));
  return { actions: actions.filter(({ id }) => !out.has(id)), blocked: [...once.values()] };
}

function ofAnother(pass: Pass, { tags }: Image): string | undefined {
  return tags[TAG.sourceImage] === undefined ? undefined : managerOf({ tags }, pass.spec.tags?.add);
}

function changedBy(call: Call): readonly string[] {
  if ('imageId' in call) return [call.imageId];
  return 'resources' in call ? call.resources : [];
}
