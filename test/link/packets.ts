/** Builders and checkers of small Ethernet frames for the tests of the link layer; written apart from the code they test. */
import type { Frame, FramePool } from '../../src/core/frame.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Link } from '../../src/link/link.ts';
import { micros } from '../../src/core/time.ts';

/** Sum by the book: one octet pair at a time, folded at once. RFC 1071 §4.1. */
export function naiveSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  for (let i = from; i < to; i += 2) {
    sum += bytes[i]! * 256 + (i + 1 < to ? bytes[i + 1]! : 0);
    while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  }
  return sum;
}

export const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
};

/** Text that tells its place in a stream. */
export const textOf = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => ((from + i) * 7 + ((from + i) >> 8)) & 0xff);

export interface TcpSpec {
  readonly text?: Uint8Array;
  readonly flags?: number;
  readonly seq?: number;
  readonly id?: number;
  readonly options?: Uint8Array;
  readonly ipOptions?: Uint8Array;
  readonly urgent?: number;
  readonly vlan?: boolean;
  readonly protocol?: number;
  readonly fragment?: number;
}

export const SOURCE_MAC = [2, 0, 0, 0, 0, 1];
export const DESTINATION_MAC = [2, 0, 0, 0, 0, 2];

/** Pseudo-header sum with its length, as the field of a partial checksum holds it. */
export const pseudoSum = (bytes: Uint8Array, ip: number, length: number): number => {
  const pseudo = new Uint8Array(12);
  pseudo.set(bytes.subarray(ip + 12, ip + 20), 0);
  pseudo[9] = bytes[ip + 9]!;
  put16(pseudo, 10, length);
  return naiveSum(pseudo, 0, 12);
};

/** Ethernet, IPv4 and TCP (or UDP with protocol 17) with a partial transport checksum. Returns octets and offsets. */
export function buildPacket(spec: TcpSpec = {}): { bytes: Uint8Array; network: number; transport: number } {
  const { text = new Uint8Array(), options = new Uint8Array(), ipOptions = new Uint8Array(), protocol = 6 } = spec;
  const network = spec.vlan === true ? 18 : 14;
  const ipLength = 20 + ipOptions.length;
  const transport = network + ipLength;
  const transportLength = (protocol === 17 ? 8 : 20 + options.length) + text.length;
  const bytes = new Uint8Array(transport + transportLength);
  bytes.set(DESTINATION_MAC, 0);
  bytes.set(SOURCE_MAC, 6);
  if (spec.vlan === true) bytes.set([0x81, 0x00, 0x00, 0x05], 12);
  put16(bytes, network - 2, 0x0800);
  bytes.set([0x40 | (ipLength / 4), 0], network);
  put16(bytes, network + 2, ipLength + transportLength);
  put16(bytes, network + 4, spec.id ?? 0x1234);
  put16(bytes, network + 6, spec.fragment ?? 0x4000);
  bytes.set([64, protocol], network + 8);
  bytes.set([10, 0, 0, 1, 10, 0, 0, 2], network + 12);
  bytes.set(ipOptions, network + 20);
  put16(bytes, network + 10, 0xffff - naiveSum(bytes, network, transport));
  put16(bytes, transport, 40000);
  put16(bytes, transport + 2, 80);
  bytes.set(text, transport + transportLength - text.length);
  if (protocol === 17) {
    put16(bytes, transport + 4, transportLength);
    put16(bytes, transport + 6, pseudoSum(bytes, network, transportLength));
  } else {
    const seq = spec.seq ?? 1000;
    put16(bytes, transport + 4, Math.floor(seq / 65536));
    put16(bytes, transport + 6, seq % 65536);
    put16(bytes, transport + 10, 7);
    bytes.set([(5 + options.length / 4) << 4, spec.flags ?? 0x10], transport + 12);
    put16(bytes, transport + 14, 512);
    put16(bytes, transport + 18, spec.urgent ?? 0);
    bytes.set(options, transport + 20);
    put16(bytes, transport + 16, pseudoSum(bytes, network, transportLength));
  }
  return { bytes, network, transport };
}

/** A pooled frame of `buildPacket` with its checksum still partial. */
export function partialFrame(pool: FramePool, spec: TcpSpec = {}, gsoSize = 0): Frame {
  const frame = pool.from(buildPacket(spec).bytes);
  frame.checksum = Checksum.Partial;
  frame.gsoSize = gsoSize;
  return frame;
}

/** Whether the IPv4 header's and the transport's checksums are right, by the naive sum. */
export function checksumsRight(bytes: Uint8Array, network = 14): boolean {
  const transport = network + (bytes[network]! & 15) * 4;
  const total = bytes[network + 2]! * 256 + bytes[network + 3]!;
  const pseudo = pseudoSum(bytes, network, network + total - transport);
  return (
    naiveSum(bytes, network, transport) === 0xffff && naiveSum(bytes, transport, network + total, pseudo) === 0xffff
  );
}

/** A frame of `length` octets (14 at least) filled with `fill`, from one MAC to another (numbers name the last octet). */
export function plainFrame(pool: FramePool, length: number, fill = 0, from = 1, to = 2): Frame {
  const bytes = new Uint8Array(length).fill(fill);
  bytes.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5], 0);
  return pool.from(bytes);
}

/** Copies of all that a link has by `now`; the frames are released. */
export function drain(link: Link, now: number, budget = Infinity): Uint8Array[] {
  const got: Uint8Array[] = [];
  link.receive(
    (frame) => {
      got.push(frame.view().slice());
      frame.release();
    },
    micros(now),
    budget,
  );
  return got;
}
