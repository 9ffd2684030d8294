/**
 * The small operations of ip/ and tcp/ that every segment pays: headers, sequence numbers, finding the connection.
 */
import { Buffer } from 'node:buffer';
import { SeededRandom } from '../../../src/core/random.ts';
import { ipv4 } from '../../../src/ip/address.ts';
import {
  DONT_FRAGMENT,
  IPV4_LAYOUT,
  ipChecksumIsValid,
  ipDestination,
  ipHeaderLength,
  ipProtocol,
  ipSource,
  ipTotalLength,
  writeIpv4Header,
} from '../../../src/ip/ipv4-wire.ts';
import { Demux } from '../../../src/tcp/demux.ts';
import type { DemuxEntry } from '../../../src/tcp/demux.ts';
import { Segment } from '../../../src/tcp/segment.ts';
import { seqAdd, seqDiff, seqLt, seqMax, seqNum } from '../../../src/tcp/seq.ts';
import {
  TCP_LAYOUT,
  TcpFlag,
  acknowledgmentNumber,
  destinationPort,
  emitHeader,
  flags,
  headerLength,
  sequenceNumber,
  sourcePort,
  window,
} from '../../../src/tcp/wire.ts';
import { repeat } from './operation.ts';
import type { Operation } from './operation.ts';

const IP_AT = 14;
const TCP_AT = 34;
/** A header with timestamps, the option of almost every segment: NOP, NOP, kind 8, length 10. RFC 7323 appendix A. */
const TCP_LENGTH = 32;
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4];
const TEXT = 1448;
const LENGTH = TCP_AT + TCP_LENGTH + TEXT;

const ipHeader = {
  ...{ tos: 0, totalLength: LENGTH - IP_AT, identification: 7, flagsAndOffset: DONT_FRAGMENT, ttl: 64, protocol: 6 },
  ...{ source: ipv4(0x0a000001), destination: ipv4(0x0a000002) },
};
const tcpHeader = {
  ...{ sourcePort: 5001, destinationPort: 40_000, seq: 0x12345678, ack: 0x0abcdef0 },
  ...{ headerLength: TCP_LENGTH, flags: TcpFlag.Ack | TcpFlag.Psh, window: 0xfff0, urgentPointer: 0 },
};

function headers(): Operation[] {
  const frame = Buffer.alloc(LENGTH);
  writeIpv4Header(frame, IP_AT, ipHeader);
  emitHeader(frame, TCP_AT, tcpHeader);
  frame.set(TIMESTAMPS, TCP_AT + 20);
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, LENGTH);
  const scratch = Uint8Array.from(bytes);
  const segment = new Segment();
  return [
    {
      name: 'IPv4 header viewed',
      body: repeat(
        () =>
          (ipHeaderLength(bytes, IP_AT) +
            ipTotalLength(bytes, IP_AT) +
            ipProtocol(bytes, IP_AT) +
            ipSource(bytes, IP_AT) +
            ipDestination(bytes, IP_AT)) |
          0,
      ),
    },
    { name: 'IPv4 header checksum verified', body: repeat(() => (ipChecksumIsValid(bytes, IP_AT, 20) ? 1 : 0)) },
    { name: 'IPv4 header decoded by its layout', body: repeat(() => IPV4_LAYOUT.decode(frame, IP_AT).totalLength) },
    {
      name: 'IPv4 header written',
      body: repeat((i) => {
        ipHeader.identification = i & 0xffff;
        writeIpv4Header(scratch, IP_AT, ipHeader);
        return scratch[IP_AT + 11]!;
      }),
    },
    {
      name: 'TCP header viewed',
      body: repeat(
        () =>
          (sourcePort(bytes, TCP_AT) +
            destinationPort(bytes, TCP_AT) +
            sequenceNumber(bytes, TCP_AT) +
            acknowledgmentNumber(bytes, TCP_AT) +
            headerLength(bytes, TCP_AT) +
            flags(bytes, TCP_AT) +
            window(bytes, TCP_AT)) |
          0,
      ),
    },
    { name: 'TCP header decoded by its layout', body: repeat(() => TCP_LAYOUT.decode(frame, TCP_AT).window) },
    {
      name: 'segment parsed, timestamps',
      body: repeat(() => (segment.parse(bytes, TCP_AT, LENGTH) ? segment.textLength : 0)),
    },
    {
      name: 'TCP header written',
      body: repeat((i) => {
        tcpHeader.seq = i | 0;
        emitHeader(scratch, TCP_AT, tcpHeader);
        return scratch[TCP_AT + 7]!;
      }),
    },
  ];
}

/** A window's worth of questions, as the receiver asks them of each segment. */
function sequenceNumbers(): Operation[] {
  const start = seqNum(0xffff_f000);
  return [
    {
      name: 'sequence numbers: in the window?',
      body: repeat((i) => {
        const seq = seqAdd(start, i & 0xffff);
        const end = seqAdd(start, 0x8000);
        return (seqLt(seq, end) ? seqDiff(end, seq) : 0) + (seqMax(seq, end) & 1);
      }),
    },
  ];
}

class Entry implements DemuxEntry<Entry> {
  readonly localAddress = ipv4(0x0a000002);
  readonly localPort = 80;
  readonly remoteAddress;
  readonly remotePort;
  nextInChain: Entry | undefined = undefined;
  /** What a connection holds besides, roughly: the entries of a large table do not lie side by side. */
  readonly state = new Float64Array(16);

  constructor(number: number) {
    this.remoteAddress = ipv4(0x0a010000 + (number >>> 12));
    this.remotePort = 10_000 + (number & 0xfff);
  }
}

/** Connections in no order, so that neither the last one found nor a cache line helps. */
function lookUps(): Operation[] {
  return [10, 100_000].map((count) => {
    const demux = new Demux<Entry>(new SeededRandom(1));
    const entries = Array.from({ length: count }, (_, i) => new Entry(i));
    for (const entry of entries) demux.add(entry);
    const body = repeat((i) => {
      const { localAddress, localPort, remoteAddress, remotePort } = entries[(i * 7919) % count]!;
      return demux.find(localAddress, localPort, remoteAddress, remotePort)!.remotePort;
    });
    return { name: `connection found among ${count.toLocaleString('en')}`, body };
  });
}

export const PROTOCOL_OPERATIONS: readonly Operation[] = [...headers(), ...sequenceNumbers(), ...lookUps()];
