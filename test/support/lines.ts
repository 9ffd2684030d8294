/** What may befall frames on a line, as fast-check draws it. */
import fc from 'fast-check';

/** A probability up to `max`; nothing at all and the most come often. */
export const chance = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
