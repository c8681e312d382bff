/**
 * A function of an object that is worked out once for each object, and forgotten with it. What it says must follow from
 * the object alone, which must not change.
 */
export function onceForEach<Of extends object, Result>(work: (of: Of) => Result): (of: Of) => Result {
  const known = new WeakMap<Of, { readonly result: Result }>();
  return (of) => {
    let found = known.get(of);
    if (!found) {
      found = { result: work(of) };
      known.set(of, found);
    }
    return found.result;
  };
}
