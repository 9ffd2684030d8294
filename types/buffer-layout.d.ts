/**
 * The part of buffer-layout 1.2 that the header declarations use; the package ships no types.
 * A struct lists its fields with their place and width; `decode` is the oracle that the fast views are tested against.
 */
declare module 'buffer-layout' {
  export interface Layout<T> {
    /** Width in octets; -1 when it depends on the contents. */
    readonly span: number;
    readonly property?: string;
    decode(buffer: Uint8Array, offset?: number): T;
    encode(source: T, buffer: Uint8Array, offset?: number): number;
  }
  export interface Structure<T> extends Layout<T> {
    readonly fields: readonly Layout<unknown>[];
    /** Octets from the start of the struct to the named field. */
    offsetOf(property: string): number | undefined;
    layoutFor(property: string): Layout<unknown> | undefined;
  }
  /** Unsigned little-endian integer of `span` octets (1 to 6). */
  export function u8(property?: string): Layout<number>;
  export function u16(property?: string): Layout<number>;
  /** Unsigned big-endian integers. */
  export function u16be(property?: string): Layout<number>;
  export function u24be(property?: string): Layout<number>;
  export function u32be(property?: string): Layout<number>;
  export function u48be(property?: string): Layout<number>;
  export function blob(length: number, property?: string): Layout<Uint8Array>;
  export function struct<T>(fields: readonly Layout<unknown>[], property?: string): Structure<T>;
}
