/**
 * Sequence numbers: 32 bits on a circle. RFC 9293 §3.4.
 *
 * They are compared with the functions here only; `<` is wrong as soon as the numbers wrap. Held as signed 32-bit integers,
 * which V8 keeps unboxed, so `===` between two of them works; `seqText` shows them unsigned as every other tool does.
 */

/** A sequence or acknowledgment number, or a timestamp value (RFC 7323 §5.2 orders those the same way). */
export type SeqNum = number & { readonly brand: 'SeqNum' };

/** The sequence number of any integer, modulo 2^32. */
export const seqNum = (value: number): SeqNum => (value | 0) as SeqNum;

/** True when a comes before b on the circle. */
export const seqLt = (a: SeqNum, b: SeqNum): boolean => ((a - b) | 0) < 0;
export const seqLe = (a: SeqNum, b: SeqNum): boolean => ((a - b) | 0) <= 0;
export const seqGt = (a: SeqNum, b: SeqNum): boolean => ((a - b) | 0) > 0;
export const seqGe = (a: SeqNum, b: SeqNum): boolean => ((a - b) | 0) >= 0;

/** How far a is ahead of b: -2^31 to 2^31 - 1. */
export const seqDiff = (a: SeqNum, b: SeqNum): number => (a - b) | 0;

/** a moved on by `count` octets (negative: back). */
export const seqAdd = (a: SeqNum, count: number): SeqNum => ((a + count) | 0) as SeqNum;

/** The later of two. */
export const seqMax = (a: SeqNum, b: SeqNum): SeqNum => (((a - b) | 0) >= 0 ? a : b);

/** As unsigned decimal text. */
export const seqText = (a: SeqNum): string => String(a >>> 0);
