/** Ethernet frames with IPv4 and TCP or UDP put together octet by octet, for tests that must not trust the stack's own code. */
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes } from '../../src/core/checksum.ts';
import { getU32, setU16, setU32 } from '../../src/core/bytes.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Frame, FramePool } from '../../src/core/frame.ts';

export interface RawPacket {
  /** Six octets each. */
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  /** Dotted quads. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** The transport header and what follows, its checksum field zero. */
  readonly transport: Uint8Array;
  /** Where the checksum field lies in it. */
  readonly checksumAt: number;
}

export const mac = (text: string): Uint8Array =>
  Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));

/** A frame with all offsets set and its checksum complete, or partial with `partial`. */
export function rawFrame(pool: FramePool, packet: RawPacket, partial = false): Frame {
  const frame = pool.acquire(34 + packet.transport.length);
  const { bytes, start } = frame;
  bytes.set(packet.destinationMac, start);
  bytes.set(packet.sourceMac, start + 6);
  setU16(bytes, start + 12, 0x0800);
  const network = start + 14;
  const transport = network + 20;
  frame.network = network;
  frame.transport = transport;
  frame.end = transport + packet.transport.length;
  bytes.set(packet.transport, transport);
  bytes[network] = 0x45;
  bytes[network + 1] = 0;
  setU16(bytes, network + 2, frame.end - network);
  setU32(bytes, network + 4, 0x4000); // identification 0, DF
  bytes[network + 8] = 64;
  bytes[network + 9] = packet.protocol;
  setU16(bytes, network + 10, 0);
  bytes.set(quad(packet.source), network + 12);
  bytes.set(quad(packet.destination), network + 16);
  setU16(bytes, network + 10, finishChecksum(sumBytes(bytes, network, 20)));
  const pseudo = pseudoHeaderSum(getU32(bytes, network + 12), getU32(bytes, network + 16), packet.protocol);
  const length = packet.transport.length;
  const sum = partial ? foldSum(pseudo + length) : finishChecksum(sumBytes(bytes, transport, length, pseudo + length));
  setU16(bytes, transport + packet.checksumAt, sum);
  if (partial) frame.checksum = Checksum.Partial;
  return frame;
}

/** A TCP segment without options; the checksum field is zero. */
export function rawTcp(ports: readonly [number, number], seq: number, flags: number, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + text.length);
  setU16(bytes, 0, ports[0]);
  setU16(bytes, 2, ports[1]);
  setU32(bytes, 4, seq);
  bytes[12] = 0x50;
  bytes[13] = flags;
  setU16(bytes, 14, 0xffff);
  bytes.set(text, 20);
  return bytes;
}

/** A UDP datagram; the checksum field is zero. */
export function rawUdp(ports: readonly [number, number], text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + text.length);
  setU16(bytes, 0, ports[0]);
  setU16(bytes, 2, ports[1]);
  setU16(bytes, 4, bytes.length);
  bytes.set(text, 8);
  return bytes;
}

const quad = (text: string): Uint8Array => Uint8Array.from(text.split('.'), Number);
