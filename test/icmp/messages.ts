/** ICMP messages for tests. */
import { setU32 } from '../../src/core/bytes.ts';
import { setIcmpChecksum } from '../../src/icmp/wire.ts';

/** A message with a right checksum. */
export function message(type: number, code: number, rest: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  bytes[0] = type;
  bytes[1] = code;
  setU32(bytes, 4, rest);
  bytes.set(data, 8);
  setIcmpChecksum(bytes, 0, bytes.length);
  return bytes;
}
