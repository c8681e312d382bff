import { type Image, parseKey, type Target } from './model.ts';
import type { Objection } from './objection.ts';
import { isOwn } from './parameter-ownership.ts';
import { inventoryOf, type Pass } from './pass.ts';

/** Deletes the parameters of this policy that it no longer asks for, before their images go. */
export function removeUnwanted(pass: Pass, wanted: ReadonlySet<string>): void {
  const { draft, owner, standings } = pass;
  if (!pass.spec.publish && !pass.published) return;
  for (const [key, view] of pass.targets) {
    const target = parseKey(key);
    if (view.kind !== 'observed') {
      // Until it is seen again the policy is known to have published: the condition is what is remembered by.
      if (!pass.spec.publish && !pass.deleting)
        draft.block({
          part: 'publishing',
          code: 'ParameterUnknown',
          subject: key,
          target,
          message: `whether a parameter of this policy is left there cannot be seen: ${view.message}. It is deleted once it can`,
          effect: view.stalls ? 'stalls' : 'retries',
        });
      continue;
    }
    const own = view.inventory.ownParameters;
    if (!own) draft.need({ kind: 'ownParameters', target, cluster: owner.cluster });
    for (const parameter of own?.ok ? own.value : []) {
      if (!isOwn(parameter, owner) || (standings.names(target) && wanted.has(parameter.name))) continue;
      draft.act({
        id: `unpublish ${parameter.name} ${key}`,
        kind: 'UnpublishImage',
        target,
        subject: parameter.name,
        reason: pass.deleting
          ? 'the policy is being deleted, with deletionPolicy Delete'
          : 'the policy no longer publishes it there',
        call: { do: 'deleteParameter', name: parameter.name, description: parameter.description },
      });
    }
  }
}

/** What is published is kept, whatever the rules say. */
export function isPublished(pass: Pass, image: Image, target: Target): Objection | 'asking' | undefined {
  if (!pass.spec.publish && !pass.published) return undefined;
  const inventory = inventoryOf(pass, target);
  const own = inventory?.ownParameters;
  if (!own) {
    pass.draft.need({ kind: 'ownParameters', target, cluster: pass.owner.cluster });
    return 'asking';
  }
  if (!own.ok)
    return { code: 'ParameterUnknown', message: `kept: whether it is published could not be read: ${own.why}` };
  for (const { name } of own.value.filter((each) => isOwn(each, pass.owner))) {
    const answer = inventory.parameters.get(name);
    if (!answer) {
      pass.draft.need({ kind: 'parameter', target, name });
      return 'asking';
    }
    const points = answer.ok ? answer.value?.value : image.id;
    if (points === image.id || inventory.pointed.get(name) === image.id)
      return { code: 'Published', message: `kept: the parameter ${name} points at it` };
  }
  return undefined;
}
