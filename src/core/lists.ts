/** Lists that are filled and emptied again and again. */

/** Empties a list. By pops, as setting the length is a call of V8's runtime and gives its room away: 59 ns for one item instead of 5. */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop();
}
