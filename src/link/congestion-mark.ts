/**
 * Marks a frame with CE, as a router does that would have to drop it. RFC 3168 §5; the checksum is mended as RFC 1624 §3 has it.
 */
import { getU16, setU16 } from '../core/bytes.ts';
import type { Frame } from '../core/frame.ts';
import { EcnField, IPV4_LAYOUT, ipTos, setIpTos } from '../ip/ipv4-wire.ts';
import { findIpv4 } from '../ip/offload-wire.ts';

const CHECKSUM = IPV4_LAYOUT.offsetOf('checksum')!;

/**
 * The frame with CE set; a copy when somebody else holds it, and then the reference is given back. Undefined, and nothing has changed,
 * for what is no IPv4 or whose sender does not know of ECN. `start` is at the Ethernet header.
 */
export function markCongestion(frame: Frame): Frame | undefined {
  const found = findIpv4(frame.bytes, frame.start, frame.end);
  if (found < 0 || (ipTos(frame.bytes, found) & EcnField.Mask) === EcnField.NotEct) return undefined;
  let own = frame;
  if (frame.shared) {
    own = frame.pool.clone(frame);
    frame.release();
  }
  const { bytes } = own;
  const network = found - frame.start + own.start;
  const before = getU16(bytes, network); // version, header length and TOS: the word that changes
  setIpTos(bytes, network, ipTos(bytes, network) | EcnField.Ce);
  setU16(bytes, network + CHECKSUM, updatedChecksum(getU16(bytes, network + CHECKSUM), before, getU16(bytes, network)));
  return own;
}

/** HC' = ~(~HC + ~m + m'), for a header word that changes from m to m'. RFC 1624 §3, equation 3. */
function updatedChecksum(checksum: number, before: number, now: number): number {
  const sum = (~checksum & 0xffff) + (~before & 0xffff) + now;
  const folded = (sum & 0xffff) + (sum >>> 16);
  return ~((folded & 0xffff) + (folded >>> 16)) & 0xffff;
}
