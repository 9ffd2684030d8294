/**
 * Merges TCP segments that follow each other in one batch into one of up to 64 KiB, as Linux does in software (GRO): one pass through the
 * stack then serves up to 45 of them. The counterpart of segmentation.ts, for links that hand over frames of at most the MTU.
 *
 * Merged is only what differs in nothing but text and what goes with it (sequence number, PSH, lengths, checksums, Identification), all but
 * the last of one size. Of pure ACKs in a row that differ in nothing but the acknowledgment number, each above the one before, and the
 * window, the last goes on: an ACK is cumulative, and says what those before it said (RFC 9293 §3.4). Linux lets them go likewise, while
 * they wait for a socket (tcp_add_backlog). Everything else goes on as it came, and nothing overtakes anything. IPv4 without options only.
 *
 * Measured over a TAP device: 1.3 times the rate of MTU frames in, 1.04 times out.
 */
import { getU32, setU8 } from '../core/bytes.ts';
import { foldSum, sumIsValid } from '../core/checksum.ts';
import { Checksum, LARGE_FRAME } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ETHERNET_HEADER } from '../ethernet/wire.ts';
import {
  IPV4_HEADER_LENGTH,
  ipChecksumIsValid,
  ipDestination,
  ipFlags,
  ipHeaderLength,
  ipSource,
  ipTos,
  ipTotalLength,
  ipTtl,
  setIpChecksum,
  setIpTotalLength,
} from '../ip/ipv4-wire.ts';
import { findIpv4, findTcpText, tcpPseudoSum } from '../ip/offload-wire.ts';
import { seqGt, seqNum } from '../tcp/seq.ts';
import type { SeqNum } from '../tcp/seq.ts';
import {
  TCP_FLAGS_OFFSET,
  TCP_HEADER_MIN,
  TcpFlag,
  acknowledgmentNumber,
  destinationPort,
  flags,
  sequenceNumber,
  setChecksum,
  sourcePort,
  window,
} from '../tcp/wire.ts';
import type { FrameSink, Link } from './link.ts';

/** Where the headers begin, from the start of the frame: of Ethernet II, and of IPv4 without options. */
const NETWORK = ETHERNET_HEADER;
const TRANSPORT = NETWORK + IPV4_HEADER_LENGTH;
const OPTIONS = TRANSPORT + TCP_HEADER_MIN;

export class Coalescer {
  /** The segment that the next may be appended to: the first as it came, or what was merged. Its TCP checksum has been verified. */
  #held: Frame | undefined = undefined;
  #isMerged = false;
  /** Of the first: octets before the text, and of text. */
  #headers = 0;
  #size = 0;
  /** Sequence number of the text that would follow. */
  #next = 0;
  /** The owner's sink, for the time of `receive`. */
  #sink: FrameSink | undefined = undefined;

  /** As `Link.receive`: hands over what the link has, merged; returns how many frames the link gave. */
  receive(link: Link, sink: FrameSink, now: Micros, budget: number): number {
    this.#sink = sink;
    const count = link.receive(this.#intake, now, budget);
    if (this.#held !== undefined) this.#handOver(this.#held, now);
    this.#sink = undefined;
    return count;
  }

  readonly #intake: FrameSink = (frame, now) => {
    const headers = headersOf(frame);
    const held = this.#held;
    if (held !== undefined && headers > 0 && this.#follows(held, frame, headers) && this.#append(held, frame, now))
      return;
    const isHeld =
      headers > 0 && !isPushed(frame) && isWhole(frame, frame.sum(frame.start + TRANSPORT, frame.length - TRANSPORT));
    if (held !== undefined) {
      if (isHeld && this.#outdoes(held, frame, headers)) held.release();
      else this.#handOver(this.#held!, now);
    }
    if (isHeld) this.#hold(frame, headers);
    else this.#sink!(frame, now);
  };

  #hold(frame: Frame, headers: number): void {
    frame.checksum = Checksum.Verified;
    this.#held = frame;
    this.#headers = headers;
    this.#size = frame.length - headers;
    this.#next = (sequenceNumber(frame.bytes, frame.start + TRANSPORT) + this.#size) >>> 0;
  }

  /** It is the text that comes next. */
  #follows(held: Frame, frame: Frame, headers: number): boolean {
    const { bytes, start, length } = frame;
    return (
      length > headers &&
      sequenceNumber(bytes, start + TRANSPORT) === this.#next &&
      length - headers <= this.#size &&
      held.length + length - headers <= LARGE_FRAME &&
      acknowledgmentOf(frame) === acknowledgmentOf(held) &&
      window(bytes, start + TRANSPORT) === window(held.bytes, held.start + TRANSPORT) &&
      this.#isOfOneKind(held, frame, headers)
    );
  }

  /** Both are pure ACKs, and this one says all that the one before says, and more. */
  #outdoes(held: Frame, frame: Frame, headers: number): boolean {
    const { bytes, start, length } = frame;
    return (
      this.#size === 0 &&
      length === headers &&
      sequenceNumber(bytes, start + TRANSPORT) === this.#next &&
      seqGt(acknowledgmentOf(frame), acknowledgmentOf(held)) &&
      this.#isOfOneKind(held, frame, headers)
    );
  }

  /** The same in all headers but for what belongs to each segment, and for acknowledgment number and window. */
  #isOfOneKind({ bytes: before, start: from }: Frame, { bytes, start }: Frame, headers: number): boolean {
    return (
      headers === this.#headers &&
      areEqual(before, from, bytes, start, ETHERNET_HEADER - 2) &&
      isSameFlow(before, from + NETWORK, bytes, start + NETWORK) &&
      sourcePort(before, from + TRANSPORT) === sourcePort(bytes, start + TRANSPORT) &&
      destinationPort(before, from + TRANSPORT) === destinationPort(bytes, start + TRANSPORT) &&
      areEqual(before, from + OPTIONS, bytes, start + OPTIONS, headers - OPTIONS)
    );
  }

  /** Takes the segment over; false, and nothing has changed, when a checksum of it is wrong. */
  #append(held: Frame, frame: Frame, now: Micros): boolean {
    const { start, length } = frame;
    const size = length - this.#headers;
    const whole = this.#isMerged ? held : this.#enlarge(held);
    const textSum = whole.copySum(frame, start + this.#headers, whole.end, size);
    if (!isWhole(frame, frame.sum(start + TRANSPORT, this.#headers - TRANSPORT, textSum))) return false;
    whole.end += size;
    this.#next = (this.#next + size) >>> 0;
    const pushed = isPushed(frame);
    if (pushed) setU8(whole.bytes, whole.start + TRANSPORT + TCP_FLAGS_OFFSET, TcpFlag.Ack | TcpFlag.Psh);
    frame.release();
    if (pushed || size < this.#size) this.#handOver(whole, now);
    return true;
  }

  /** The first segment in a frame that has room for more. */
  #enlarge(first: Frame): Frame {
    const whole = first.pool.acquire(LARGE_FRAME);
    whole.copy(first, first.start, whole.start, first.length);
    whole.end = whole.start + first.length;
    first.release();
    this.#held = whole;
    this.#isMerged = true;
    return whole;
  }

  #handOver(held: Frame, now: Micros): void {
    if (this.#isMerged) complete(held, this.#size);
    this.#held = undefined;
    this.#isMerged = false;
    this.#sink!(held, now);
  }
}

/** Makes the headers fit what was merged. The checksum is left partial, since nobody is to sum again what was verified in parts. */
function complete(frame: Frame, gsoSize: number): void {
  const { bytes, start, end } = frame;
  const network = start + NETWORK;
  const transport = start + TRANSPORT;
  setIpTotalLength(bytes, network, end - network);
  setIpChecksum(bytes, network, IPV4_HEADER_LENGTH);
  setChecksum(bytes, transport, foldSum(tcpPseudoSum(bytes, network, end - transport)));
  frame.network = network;
  frame.transport = transport;
  frame.checksum = Checksum.Partial;
  frame.gsoSize = gsoSize;
}

/** Octets of all headers of a TCP segment that others may join or outdo: whole, without flags but ACK and PSH; else 0. */
function headersOf(frame: Frame): number {
  const { bytes, start, end } = frame;
  const network = start + NETWORK;
  if (frame.checksum !== Checksum.Full || frame.shared || findIpv4(bytes, start, end) !== network) return 0;
  const text = findTcpText(frame, network);
  const isPlain =
    text >= 0 &&
    ipHeaderLength(bytes, network) === IPV4_HEADER_LENGTH &&
    ipTotalLength(bytes, network) === end - network &&
    (flags(bytes, start + TRANSPORT) & ~TcpFlag.Psh) === TcpFlag.Ack;
  return isPlain ? text - start : 0;
}

const isPushed = ({ bytes, start }: Frame): boolean => (flags(bytes, start + TRANSPORT) & TcpFlag.Psh) !== 0;

/** Whether both checksums are right, given the sum of the TCP segment. */
function isWhole({ bytes, start, length }: Frame, sum: number): boolean {
  const network = start + NETWORK;
  return (
    ipChecksumIsValid(bytes, network, IPV4_HEADER_LENGTH) &&
    sumIsValid(sum + tcpPseudoSum(bytes, network, length - TRANSPORT))
  );
}

const acknowledgmentOf = ({ bytes, start }: Frame): SeqNum => seqNum(acknowledgmentNumber(bytes, start + TRANSPORT));

const isSameFlow = (a: Uint8Array, aNetwork: number, b: Uint8Array, bNetwork: number): boolean =>
  ipSource(a, aNetwork) === ipSource(b, bNetwork) &&
  ipDestination(a, aNetwork) === ipDestination(b, bNetwork) &&
  ipTos(a, aNetwork) === ipTos(b, bNetwork) &&
  ipTtl(a, aNetwork) === ipTtl(b, bNetwork) &&
  ipFlags(a, aNetwork) === ipFlags(b, bNetwork);

/** Whether two runs of octets, a multiple of four, are equal. */
function areEqual(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i += 4) if (getU32(a, aAt + i) !== getU32(b, bAt + i)) return false;
  return true;
}
