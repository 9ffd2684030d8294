/**
 * The ARP packet for IPv4 on Ethernet. RFC 826, "Packet format".
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |      Hardware type (1)        |    Protocol type (0x0800)     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     | Hardware len 6| Protocol len 4|            Opcode             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                 Sender hardware address (48)                  |
 *     +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                               |    Sender protocol address    :
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     :                               |                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 *     |                 Target hardware address (48)                  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                    Target protocol address                    |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { struct, u16be, u32be, u48be, u8 } from 'buffer-layout';
import { getU16, getU32, getU48, getU8, setU16, setU32, setU48, setU8 } from '../core/bytes.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { NO_MAC } from './address.ts';
import type { MacAddress } from './address.ts';
import { EtherType } from './wire.ts';

/** The fields by RFC 826's names: ar$hrd, ar$pro, ar$hln, ar$pln, ar$op, ar$sha, ar$spa, ar$tha, ar$tpa. */
export interface ArpFields {
  hardwareType: number;
  protocolType: number;
  hardwareLength: number;
  protocolLength: number;
  opcode: number;
  senderHardware: number;
  senderProtocol: number;
  targetHardware: number;
  targetProtocol: number;
}

export const ARP_LAYOUT = struct<ArpFields>([
  u16be('hardwareType'),
  u16be('protocolType'),
  u8('hardwareLength'),
  u8('protocolLength'),
  u16be('opcode'),
  u48be('senderHardware'),
  u32be('senderProtocol'),
  u48be('targetHardware'),
  u32be('targetProtocol'),
]);

/** Octets of the packet. */
export const ARP_LENGTH = ARP_LAYOUT.span;

/** ar$op. RFC 826. */
export const ArpOpcode = { Request: 1, Reply: 2 } as const;

/** ar$hrd: Ethernet (RFC 826), and the number that IEEE 802 networks share (RFC 1042). */
const HARDWARE_ETHERNET = 1;
const HARDWARE_IEEE_802 = 6;

const HRD = ARP_LAYOUT.offsetOf('hardwareType')!;
const PRO = ARP_LAYOUT.offsetOf('protocolType')!;
const HLN = ARP_LAYOUT.offsetOf('hardwareLength')!;
const PLN = ARP_LAYOUT.offsetOf('protocolLength')!;
const OP = ARP_LAYOUT.offsetOf('opcode')!;
const SHA = ARP_LAYOUT.offsetOf('senderHardware')!;
const SPA = ARP_LAYOUT.offsetOf('senderProtocol')!;
const THA = ARP_LAYOUT.offsetOf('targetHardware')!;
const TPA = ARP_LAYOUT.offsetOf('targetProtocol')!;

export const hardwareTypeOf = (bytes: Uint8Array, at: number): number => getU16(bytes, at + HRD);
export const protocolTypeOf = (bytes: Uint8Array, at: number): number => getU16(bytes, at + PRO);
export const hardwareLengthOf = (bytes: Uint8Array, at: number): number => getU8(bytes, at + HLN);
export const protocolLengthOf = (bytes: Uint8Array, at: number): number => getU8(bytes, at + PLN);
export const opcodeOf = (bytes: Uint8Array, at: number): number => getU16(bytes, at + OP);
export const senderHardwareOf = (bytes: Uint8Array, at: number): MacAddress => getU48(bytes, at + SHA) as MacAddress;
export const senderProtocolOf = (bytes: Uint8Array, at: number): IpAddress => getU32(bytes, at + SPA) as IpAddress;
export const targetHardwareOf = (bytes: Uint8Array, at: number): MacAddress => getU48(bytes, at + THA) as MacAddress;
export const targetProtocolOf = (bytes: Uint8Array, at: number): IpAddress => getU32(bytes, at + TPA) as IpAddress;

/** The part of an ARP packet that varies. Callers reuse one record. */
export interface ArpPacket {
  opcode: number;
  senderHardware: MacAddress;
  senderProtocol: IpAddress;
  targetHardware: MacAddress;
  targetProtocol: IpAddress;
}

export const makeArpPacket = (): ArpPacket => ({
  opcode: 0,
  senderHardware: NO_MAC,
  senderProtocol: ANY_ADDRESS,
  targetHardware: NO_MAC,
  targetProtocol: ANY_ADDRESS,
});

/** Reads the packet in octets `at` to `end - 1` into `packet`. Returns why it is refused (826-c), else undefined. */
export function parseArp(bytes: Uint8Array, at: number, end: number, packet: ArpPacket): DropReason | undefined {
  if (end - at < ARP_LENGTH) return 'arp-truncated';
  const hardwareType = hardwareTypeOf(bytes, at);
  if (hardwareType !== HARDWARE_ETHERNET && hardwareType !== HARDWARE_IEEE_802) return 'arp-hardware-type';
  if (protocolTypeOf(bytes, at) !== EtherType.Ipv4) return 'arp-protocol-type';
  if (hardwareLengthOf(bytes, at) !== 6 || protocolLengthOf(bytes, at) !== 4) return 'arp-lengths';
  packet.opcode = opcodeOf(bytes, at);
  packet.senderHardware = senderHardwareOf(bytes, at);
  packet.senderProtocol = senderProtocolOf(bytes, at);
  packet.targetHardware = targetHardwareOf(bytes, at);
  packet.targetProtocol = targetProtocolOf(bytes, at);
  return undefined;
}

/** Prepends the packet to a frame, which is empty as a rule. Throws when there is no headroom for it. */
export function emitArp(frame: Frame, packet: Readonly<ArpPacket>): void {
  const at = frame.prepend(ARP_LENGTH);
  const bytes = frame.bytes;
  setU16(bytes, at + HRD, HARDWARE_ETHERNET);
  setU16(bytes, at + PRO, EtherType.Ipv4);
  setU8(bytes, at + HLN, 6);
  setU8(bytes, at + PLN, 4);
  setU16(bytes, at + OP, packet.opcode);
  setU48(bytes, at + SHA, packet.senderHardware);
  setU32(bytes, at + SPA, packet.senderProtocol);
  setU48(bytes, at + THA, packet.targetHardware);
  setU32(bytes, at + TPA, packet.targetProtocol);
}
