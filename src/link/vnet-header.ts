/**
 * The virtio-net header that a TAP device puts before each frame when it offloads (IFF_VNET_HDR): what is left to do to the
 * frame's checksum, and how to cut it. VIRTIO 1.2 §5.1.6 in its 10-octet legacy form; Linux include/uapi/linux/virtio_net.h.
 *
 *      0               1               2               3
 *     +---------------+---------------+-------------------------------+
 *     |     flags     |   gso_type    |            hdr_len            |
 *     +---------------+---------------+-------------------------------+
 *     |           gso_size            |          csum_start           |
 *     +-------------------------------+-------------------------------+
 *     |          csum_offset          |   16-bit fields little-endian (TUNSETVNETLE); offsets count from the Ethernet header
 *     +-------------------------------+
 */
import { struct, u16, u8 } from 'buffer-layout';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';

export interface VnetHeader {
  flags: number;
  gsoType: number;
  /** Octets of the Ethernet, IP and transport headers together. */
  hdrLen: number;
  /** Payload octets of each segment. */
  gsoSize: number;
  /** Where the checksum's coverage starts, and where in it the field lies. */
  csumStart: number;
  csumOffset: number;
}

export const VNET_LAYOUT = struct<VnetHeader>([
  u8('flags'),
  u8('gsoType'),
  u16('hdrLen'),
  u16('gsoSize'),
  u16('csumStart'),
  u16('csumOffset'),
]);

export const VNET_LENGTH = VNET_LAYOUT.span;

/** VIRTIO_NET_HDR_F_*. */
export const VnetFlags = { NeedsChecksum: 1, DataValid: 2 } as const;
/** VIRTIO_NET_HDR_GSO_*. */
export const VnetGso = { None: 0, TcpV4: 1, TcpV6: 4, Ecn: 0x80 } as const;

const FLAGS = VNET_LAYOUT.offsetOf('flags')!;
const GSO_TYPE = VNET_LAYOUT.offsetOf('gsoType')!;
const HDR_LEN = VNET_LAYOUT.offsetOf('hdrLen')!;
const GSO_SIZE = VNET_LAYOUT.offsetOf('gsoSize')!;
const CSUM_START = VNET_LAYOUT.offsetOf('csumStart')!;
const CSUM_OFFSET = VNET_LAYOUT.offsetOf('csumOffset')!;

const ETHERNET_HEADER = 14;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
/** Where TCP and UDP keep their checksum, from the start of their header. RFC 9293 §3.1, RFC 768. */
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
/** CWR in the TCP flags octet: only the first segment may carry it, so the cutter must know. RFC 3168 §6.1.2. */
const TCP_CWR = 0x80;

/**
 * Sets a received frame's facts from the header at `at`; `frame.start` is at the Ethernet header. `network` and `transport`
 * are set only where the header tells them, so that a capture can complete the checksum.
 */
export function applyVnetHeader(frame: Frame, bytes: Uint8Array, at: number): void {
  const flags = bytes[at + FLAGS]!;
  if ((flags & VnetFlags.NeedsChecksum) !== 0) {
    frame.checksum = Checksum.Partial;
    frame.network = frame.start + ETHERNET_HEADER;
    frame.transport = frame.start + getU16le(bytes, at + CSUM_START);
  } else if ((flags & VnetFlags.DataValid) !== 0) {
    frame.checksum = Checksum.Verified;
  }
  const gsoType = bytes[at + GSO_TYPE]! & ~VnetGso.Ecn;
  if (gsoType === VnetGso.TcpV4 || gsoType === VnetGso.TcpV6) frame.gsoSize = getU16le(bytes, at + GSO_SIZE);
}

/**
 * Writes the header for a frame that is to be sent into the octets before `frame.start`. For a partial checksum or a
 * super-segment `frame.network` and `frame.transport` must be set; which field is meant follows from the IP protocol.
 * Returns false, and the frame must not be sent, when that is neither TCP nor UDP.
 */
export function writeVnetHeader(frame: Frame): boolean {
  const bytes = frame.bytes;
  const at = frame.start - VNET_LENGTH;
  for (let i = at; i < frame.start; i++) bytes[i] = 0;
  if (frame.checksum !== Checksum.Partial) return frame.gsoSize === 0;
  const checksumAt = checksumOffset(frame);
  if (checksumAt < 0) return false;
  bytes[at + FLAGS] = VnetFlags.NeedsChecksum;
  setU16le(bytes, at + CSUM_START, frame.transport - frame.start);
  setU16le(bytes, at + CSUM_OFFSET, checksumAt);
  return frame.gsoSize === 0 || writeGso(frame, at, checksumAt);
}

function writeGso(frame: Frame, at: number, checksumAt: number): boolean {
  if (checksumAt !== TCP_CHECKSUM) return false;
  const bytes = frame.bytes;
  const tcpHeader = (bytes[frame.transport + 12]! >>> 4) * 4;
  const cwr = (bytes[frame.transport + 13]! & TCP_CWR) !== 0;
  bytes[at + GSO_TYPE] = (isIpv6(frame) ? VnetGso.TcpV6 : VnetGso.TcpV4) | (cwr ? VnetGso.Ecn : 0);
  setU16le(bytes, at + HDR_LEN, frame.transport - frame.start + tcpHeader);
  setU16le(bytes, at + GSO_SIZE, frame.gsoSize);
  return true;
}

/** Where in the transport header the checksum lies; -1 for a protocol that has none we know. */
function checksumOffset(frame: Frame): number {
  if (frame.network < 0 || frame.transport < 0) return -1;
  const protocol = frame.bytes[frame.network + (isIpv6(frame) ? 6 : 9)]!;
  return protocol === PROTOCOL_TCP ? TCP_CHECKSUM : protocol === PROTOCOL_UDP ? UDP_CHECKSUM : -1;
}

const isIpv6 = (frame: Frame): boolean => frame.bytes[frame.network]! >>> 4 === 6;

const getU16le = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

function setU16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}
