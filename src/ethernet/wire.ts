/**
 * The headers that a frame on Ethernet may begin with: Ethernet II (RFC 894), an 802.1Q tag, and 802.3 with LLC and SNAP
 * (RFC 1042). All of them are read; only Ethernet II is written, as RFC 1122 §2.3.3 asks.
 *
 * Left out: the frame check sequence and the preamble, which no link here carries. Read next: ethernet.ts.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                      Destination Address                      |
 *     +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                               |                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 *     |                         Source Address                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |    EtherType or 802.3 Length  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { struct, u16be, u24be, u48be, u8 } from 'buffer-layout';
import { getU16, getU48, setU16, setU48 } from '../core/bytes.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { NO_MAC } from './address.ts';
import type { MacAddress } from './address.ts';

export interface EthernetFields {
  destination: number;
  source: number;
  etherType: number;
}

export const ETHERNET_LAYOUT = struct<EthernetFields>([u48be('destination'), u48be('source'), u16be('etherType')]);

/** Octets of the Ethernet II header. */
export const ETHERNET_HEADER = ETHERNET_LAYOUT.span;

/** The tag that follows the addresses: priority 3 bits, drop eligible 1, VLAN identifier 12; then the type proper. IEEE 802.1Q. */
export const VLAN_LAYOUT = struct<{ tag: number; etherType: number }>([u16be('tag'), u16be('etherType')]);

/** LLC (K1 = 170 twice, control 3) and SNAP (K2 = 0) in front of the EtherType. RFC 1042, "Header Format". */
export const SNAP_LAYOUT = struct<{
  dsap: number;
  ssap: number;
  control: number;
  organization: number;
  etherType: number;
}>([u8('dsap'), u8('ssap'), u8('control'), u24be('organization'), u16be('etherType')]);

/** Least octets of a frame without its check sequence: 14 of header and 46 of payload. RFC 894. */
export const MIN_FRAME = ETHERNET_HEADER + 46;

/** EtherTypes (IANA). */
export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100, Ipv6: 0x86dd, ServiceVlan: 0x88a8 } as const;

/** Up to this the field is an 802.3 length. RFC 1122 §2.3.3. */
const MOST_LENGTH = 1500;
/** Types begin here. IEEE 802.3. */
export const LEAST_TYPE = 0x0600;

const DESTINATION = ETHERNET_LAYOUT.offsetOf('destination')!;
const SOURCE = ETHERNET_LAYOUT.offsetOf('source')!;
const TYPE = ETHERNET_LAYOUT.offsetOf('etherType')!;
const SNAP_TYPE = SNAP_LAYOUT.offsetOf('etherType')!;
const SNAP_CONTROL = SNAP_LAYOUT.offsetOf('control')!;

export const destinationOf = (bytes: Uint8Array, at: number): MacAddress =>
  getU48(bytes, at + DESTINATION) as MacAddress;
export const sourceOf = (bytes: Uint8Array, at: number): MacAddress => getU48(bytes, at + SOURCE) as MacAddress;
/** The EtherType, tag type or 802.3 length right behind the addresses. */
export const typeOf = (bytes: Uint8Array, at: number): number => getU16(bytes, at + TYPE);

/** What `parseEthernet` finds. Callers reuse one record. */
export interface EthernetHeader {
  destination: MacAddress;
  source: MacAddress;
  /** The type of the payload, whichever header form carried it. */
  etherType: number;
  /** Offset of the payload's first octet. */
  payload: number;
  /** Offset past its last octet: the frame's end, or where the 802.3 length ends it. */
  end: number;
}

export const makeEthernetHeader = (): EthernetHeader => ({
  destination: NO_MAC,
  source: NO_MAC,
  etherType: 0,
  payload: 0,
  end: 0,
});

/** Reads the header of the frame in octets `at` to `end - 1` into `header`. Returns why it cannot, else undefined. */
export function parseEthernet(
  bytes: Uint8Array,
  at: number,
  end: number,
  header: EthernetHeader,
): DropReason | undefined {
  if (end - at < ETHERNET_HEADER) return 'ether-truncated';
  header.destination = destinationOf(bytes, at);
  header.source = sourceOf(bytes, at);
  header.etherType = typeOf(bytes, at);
  header.payload = at + ETHERNET_HEADER;
  header.end = end;
  if (header.etherType === EtherType.Ipv4) return undefined; // nearly every frame
  if (header.etherType === EtherType.Vlan || header.etherType === EtherType.ServiceVlan) {
    const refusal = parseVlan(bytes, header);
    if (refusal !== undefined) return refusal;
  }
  return header.etherType < LEAST_TYPE ? parseSnap(bytes, header) : undefined;
}

/** Prepends an Ethernet II header. RFC 894, 1122-2.3.3-a. Throws when the frame has no headroom for it. */
export function emitEthernet(frame: Frame, destination: MacAddress, source: MacAddress, etherType: number): void {
  const at = frame.prepend(ETHERNET_HEADER);
  const bytes = frame.bytes;
  setU48(bytes, at + DESTINATION, destination);
  setU48(bytes, at + SOURCE, source);
  setU16(bytes, at + TYPE, etherType);
}

/** Reads one tag. VLAN 0 only gives a priority to an untagged frame (IEEE 802.1Q), and IP has no use for it. */
function parseVlan(bytes: Uint8Array, header: EthernetHeader): DropReason | undefined {
  if (header.etherType === EtherType.ServiceVlan) return 'ether-vlan';
  if (header.end - header.payload < VLAN_LAYOUT.span) return 'ether-truncated';
  if ((getU16(bytes, header.payload) & 0x0fff) !== 0) return 'ether-vlan';
  header.etherType = getU16(bytes, header.payload + 2);
  header.payload += VLAN_LAYOUT.span;
  // A tag inside a tag is a stack of VLANs, whatever their numbers.
  return header.etherType === EtherType.Vlan || header.etherType === EtherType.ServiceVlan ? 'ether-vlan' : undefined;
}

/** Reads LLC and SNAP behind an 802.3 length. RFC 1042, 1122-2.3.3-b. */
function parseSnap(bytes: Uint8Array, header: EthernetHeader): DropReason | undefined {
  const length = header.etherType;
  const at = header.payload;
  if (length > MOST_LENGTH || at + length > header.end) return 'ether-bad-length';
  header.end = at + length;
  if (length < SNAP_LAYOUT.span) return 'ether-not-snap';
  // K1 = 6, IEEE's number for IP, is not what RFC 1042 uses: 1122-2.3.3-e.
  const isSnap = getU16(bytes, at) === 0xaaaa && bytes[at + SNAP_CONTROL] === 3 && getU24(bytes, at + 3) === 0;
  if (!isSnap) return 'ether-not-snap';
  header.etherType = getU16(bytes, at + SNAP_TYPE);
  header.payload = at + SNAP_LAYOUT.span;
  return undefined;
}

const getU24 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 16) | getU16(bytes, at + 1);
