/** Frames for the inspector's tests, put together by hand so that they do not depend on the code under test. */
import { fromHex } from '../../src/core/bytes.ts';
import { buildPacket, naiveSum, pseudoSum } from '../link/packets.ts';
import type { TcpSpec } from '../link/packets.ts';

/** A packet with its transport checksum complete. */
export function completePacket(
  spec: TcpSpec & { readonly back?: boolean; readonly ack?: number; readonly window?: number },
): Uint8Array {
  const { bytes, network, transport } = buildPacket(spec);
  if (spec.back === true) {
    bytes.set([10, 0, 0, 2, 10, 0, 0, 1], network + 12);
    bytes.set([0, 80, 0x9c, 0x40], transport);
  }
  const udp = spec.protocol === 17;
  if (!udp) {
    const ack = spec.ack ?? 7;
    bytes.set([ack >>> 24, (ack >>> 16) & 255, (ack >>> 8) & 255, ack & 255], transport + 8);
    if (spec.window !== undefined) bytes.set([spec.window >> 8, spec.window & 255], transport + 14);
  }
  setSum(bytes, transport + (udp ? 6 : 16), transport, pseudoSum(bytes, network, bytes.length - transport));
  return bytes;
}

/** Writes the checksum of everything from `from` on at `at`. */
function setSum(bytes: Uint8Array, at: number, from: number, start = 0): void {
  bytes.set([0, 0], at);
  const sum = 0xffff - naiveSum(bytes, from, bytes.length, start);
  bytes.set([sum >> 8, sum & 255], at);
}

export const ETHERNET = '020000000002 020000000001';

/** An Ethernet frame from hexadecimal octets after the addresses. */
export const etherFrame = (rest: string): Uint8Array => fromHex(`${ETHERNET} ${rest}`);

export const arpFrame = (opcode: number, senderProtocol: string, targetProtocol: string): Uint8Array =>
  etherFrame(`0806 0001 0800 06 04 000${opcode} 020000000001 ${senderProtocol} 000000000000 ${targetProtocol}`);

/** An IPv4 datagram of the given protocol between 10.0.0.1 and 10.0.0.2 in a frame, header checksum complete. */
export function ipFrame(protocol: number, payload: Uint8Array, flagsAndOffset = 0): Uint8Array {
  const frame = new Uint8Array(34 + payload.length);
  frame.set(etherFrame('0800 4500'));
  const total = 20 + payload.length;
  frame.set([total >> 8, total & 255, 0, 7, flagsAndOffset >> 8, flagsAndOffset & 255, 64, protocol], 16);
  frame.set([10, 0, 0, 1, 10, 0, 0, 2], 26);
  const sum = 0xffff - naiveSum(frame, 14, 34);
  frame.set([sum >> 8, sum & 255], 24);
  frame.set(payload, 34);
  return frame;
}

/** An ICMP message in a frame, checksum complete. */
export function icmpFrame(
  type: number,
  code: number,
  rest: string,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const message = new Uint8Array(8 + payload.length);
  message.set([type, code]);
  message.set(fromHex(rest), 4);
  message.set(payload, 8);
  setSum(message, 2, 0);
  return ipFrame(1, message);
}
