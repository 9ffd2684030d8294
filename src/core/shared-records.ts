/**
 * Records that are replaced and never changed: the same change to the same record gives the same record again. Programs set the same
 * options on each of their sockets, which so share one record, where a copy each would be a fifth of what an idle connection costs.
 */

/** A change that was made lately. */
interface Derivation {
  readonly base: object;
  readonly changes: object;
  readonly result: object;
}

/**
 * Changes that are remembered at most: more than a program makes to each of its sockets. It is bounded since what it knows stays in
 * memory, and is looked through in turn; a change that it has forgotten costs a copy.
 */
export const REMEMBERED_CHANGES = 32;

/** The last one used first. */
const lately: Derivation[] = [];

/** `base` with `changes`: itself when they change nothing. */
export function changed<T extends object>(base: Readonly<T>, changes: Readonly<Partial<T>>): Readonly<T> {
  if (hasAll(base, changes)) return base;
  const known = lately.find((one) => one.base === base && areEqual(one.changes, changes));
  const derivation = known ?? { base, changes: { ...changes }, result: { ...base, ...changes } };
  moveToFront(derivation);
  return derivation.result as Readonly<T>; // made of this very base
}

function moveToFront(derivation: Derivation): void {
  if (lately[0] === derivation) return;
  const at = lately.indexOf(derivation);
  if (at >= 0) lately.splice(at, 1);
  lately.unshift(derivation);
  if (lately.length > REMEMBERED_CHANGES) lately.pop();
}

const areEqual = (a: object, b: object): boolean => hasAll(a, b) && hasAll(b, a);

/** Whether each property of `part` is one of `whole`, with the same value. In loops without lists: each accepted connection asks. */
function hasAll(whole: object, part: object): boolean {
  const values = whole as Readonly<Record<string, unknown>>;
  const wanted = part as Readonly<Record<string, unknown>>;
  for (const key in wanted) if (!(key in values) || !Object.is(values[key], wanted[key])) return false;
  return true;
}
