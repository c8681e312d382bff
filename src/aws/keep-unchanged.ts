/**
 * What was listed now, with everything that is as it was before as the very same object, and as the very same map where
 * nothing is different: whatever was worked out from it still holds, and two listings take no more memory than one.
 */
export function keepUnchanged<T>(before: ReadonlyMap<string, T>, now: Map<string, T>): ReadonlyMap<string, T> {
  let isSame = before.size === now.size;
  for (const [id, item] of now) {
    const known = before.get(id);
    if (known !== undefined && isAlike(known, item)) now.set(id, known);
    else isSame = false;
  }
  return isSame ? before : now;
}

/** Whether two pieces of plain data say the same. */
function isAlike(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isAlike(Reflect.get(left, key), Reflect.get(right, key)));
}
