/**
 * Whether `version` is no later than `position`. Versions can be compared as numbers since Kubernetes 1.35 says so
 * (KEP-5504), and could in fact before; where they are not numbers, only equal ones are told apart.
 */
export function isNotAfter(version: string, position: string): boolean {
  const isNumber = /^\d+$/;
  if (!isNumber.test(version) || !isNumber.test(position)) return version === position;
  return BigInt(version) <= BigInt(position);
}
