/** Packet sockets in tests: opened, read until empty, and frames made by hand. */
import { getU16, setU16, setU48, toHex } from '../../../src/core/bytes.ts';
import { pseudoHeaderSum, sumBytes, sumIsValid } from '../../../src/core/checksum.ts';
import { parseMac } from '../../../src/ethernet/address.ts';
import { ipDestination, ipSource } from '../../../src/ip/ipv4-wire.ts';
import type { NameOut } from '../../../src/socket/address.ts';
import type { SocketCalls } from '../../../src/socket/calls.ts';
import * as c from '../../../src/socket/constants.ts';
import { must } from '../../support/programs.ts';

/** EtherTypes that IEEE 802 keeps for experiments. */
export const EXPERIMENT = 0x88b5;
export const OTHER_EXPERIMENT = 0x88b6;

export const openPacket = (calls: SocketCalls, type: number, protocol: number): number =>
  must(calls.socket(c.AF_PACKET, type, protocol), 'socket');

/** A frame that was received, with what the call told of it. */
export interface Received {
  readonly octets: Uint8Array;
  readonly from: NameOut;
}

/** Everything that waits. */
export function drain(calls: SocketCalls, fd: number): Received[] {
  const frames: Received[] = [];
  for (;;) {
    const into = new Uint8Array(70_000);
    const from: NameOut = {};
    const count = calls.recvfrom(fd, into, 0, from);
    if (count < 0) return frames;
    frames.push({ octets: into.subarray(0, count), from });
  }
}

/** Each frame in a few words: '0806 outgoing'. */
export const summaries = (frames: readonly Received[]): string[] =>
  frames.map(({ from }) => `${from.protocol!.toString(16).padStart(4, '0')} ${PACKET_TYPES[from.packetType!]!}`);

const PACKET_TYPES: Readonly<Record<number, string>> = {
  [c.PACKET_HOST]: 'host',
  [c.PACKET_BROADCAST]: 'broadcast',
  [c.PACKET_MULTICAST]: 'multicast',
  [c.PACKET_OTHERHOST]: 'otherhost',
  [c.PACKET_OUTGOING]: 'outgoing',
};

export const hex = (octets: Uint8Array): string => toHex(octets);

/** A frame with its Ethernet header. */
export function frameOf(destination: string, source: string, type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + payload.length);
  setU48(frame, 0, parseMac(destination)!);
  setU48(frame, 6, parseMac(source)!);
  setU16(frame, 12, type);
  frame.set(payload, 14);
  return frame;
}

/** Whether the transport checksum of an IPv4 datagram is complete and right. */
export function checksumIsRight(octets: Uint8Array, network: number): boolean {
  const length = getU16(octets, network + 2) - 20;
  const protocol = octets[network + 9]!;
  const pseudo = pseudoHeaderSum(ipSource(octets, network), ipDestination(octets, network), protocol) + length;
  return sumIsValid(sumBytes(octets, network + 20, length, pseudo));
}
