/**
 * Sending ICMP errors: to whom never, how much is quoted, how often at most.
 *
 * RFC 1122 §3.2.2, RFC 1812 §4.3.2.3 to 4.3.2.8. What comes in is icmp/reports.ts.
 */
import { copyBytes, getU16, setU16 } from '../core/bytes.ts';
import { finishChecksum, sumBytes } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import { ipFragmentOffset, ipTotalLength } from '../ip/ipv4-wire.ts';
import { IpProtocol } from '../ip/service.ts';
import type { IcmpSupport, IpPacket, OutputOptions } from '../ip/service.ts';
import { TokenBucket } from './token-bucket.ts';
import { ICMP_HEADER_LENGTH, isQueryType, icmpType, setIcmpChecksum, writeIcmpHeader } from './wire.ts';

/** Interface 1 is the loopback (ip/interface.ts). */
const LOOPBACK_ID = 1;

/** Offsets of the checksum in the headers that may come with a partial one. RFC 9293 §3.1, RFC 768. */
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;

export class ErrorSender {
  readonly #context: Context;
  readonly #ip: IcmpSupport;
  readonly #bucket: TokenBucket;
  /** TOS 0: 1122-3.2.2-e. */
  readonly #options: OutputOptions = { protocol: IpProtocol.Icmp, ttl: 64, tos: 0, dontFragment: false };
  /** Errors sent. */
  sent = 0;

  constructor(context: Context, ip: IcmpSupport) {
    this.#context = context;
    this.#ip = ip;
    this.#bucket = new TokenBucket(context.config.icmp.errorsPerSecond, context.config.icmp.errorBurst);
  }

  /**
   * Sends an error about a datagram that came in; the frame is lent, `network` and `transport` set.
   * @param rest the second word of the message
   */
  send(type: number, code: number, rest: number, frame: Frame, packet: IpPacket, now: Micros): void {
    const { drops, frames, config } = this.#context;
    if (!this.#mayReport(frame, packet)) return;
    const path = this.#ip.route(packet.source, this.#ip.specificDestination(packet));
    if (typeof path === 'number') {
      drops.drop('icmp-no-return', frame);
      return;
    }
    // 1812-4.3.2.8-a. Inside the host there is nobody to protect.
    if (packet.interfaceId !== LOOPBACK_ID && !this.#bucket.take(now)) {
      drops.drop('icmp-rate-limit', frame);
      return;
    }
    const { bytes, network } = frame;
    const quoted = Math.min(ipTotalLength(bytes, network), frame.end - network, config.icmp.quoteLimit);
    const message = frames.acquire(ICMP_HEADER_LENGTH + quoted);
    const at = message.start;
    message.end = at + ICMP_HEADER_LENGTH + quoted;
    writeIcmpHeader(message.bytes, at, type, code, rest);
    // Unchanged from what was received: 1122-3.2.2-c.
    copyBytes(bytes, network, message.bytes, at + ICMP_HEADER_LENGTH, quoted);
    if (frame.checksum === Checksum.Partial) completeQuote(frame, packet.protocol, message, at + ICMP_HEADER_LENGTH);
    setIcmpChecksum(message.bytes, at, message.length);
    message.reason = 'icmp error';
    this.#options.ttl = config.ip.defaultTtl;
    this.sent++;
    this.#ip.output(path, message, this.#options, now);
  }

  /** RFC 1122 §3.2.2: "MUST NOT be sent as the result of receiving". These rules go before every other. */
  #mayReport(frame: Frame, packet: IpPacket): boolean {
    const { drops } = this.#context;
    if (packet.broadcast || frame.linkBroadcast) {
      drops.drop('icmp-about-broadcast', frame); // 1122-3.2.2-g, -h
    } else if (ipFragmentOffset(frame.bytes, frame.network) !== 0) {
      drops.drop('icmp-about-fragment', frame); // 1122-3.2.2-i
    } else if (packet.source === ANY_ADDRESS || !this.#ip.namesSingleHost(packet.source, packet.interfaceId)) {
      drops.drop('icmp-about-no-host', frame); // 1122-3.2.2-j
    } else if (packet.protocol === IpProtocol.Icmp && !isQuery(frame)) {
      drops.drop('icmp-about-error', frame); // 1122-3.2.2-f
    } else {
      return true;
    }
    return false;
  }
}

/** Whether an ICMP message is surely no error; what is unknown or cut off might be one. */
const isQuery = (frame: Frame): boolean =>
  frame.transport < frame.end && isQueryType(icmpType(frame.bytes, frame.transport));

/**
 * A kernel on this machine may leave the transport checksum to whoever needs it. On a wire it would have been complete, so
 * in the quote it is completed; over the whole datagram, of which the quote may hold a part.
 */
function completeQuote(frame: Frame, protocol: number, message: Frame, quoteAt: number): void {
  const field = protocol === IpProtocol.Tcp ? TCP_CHECKSUM_AT : protocol === IpProtocol.Udp ? UDP_CHECKSUM_AT : -1;
  const at = frame.transport - frame.network + field;
  const last = frame.network + ipTotalLength(frame.bytes, frame.network);
  if (field < 0 || quoteAt + at + 2 > message.end || last > frame.end) return;
  // The field holds the sum of the pseudo-header already.
  const checksum = finishChecksum(sumBytes(frame.bytes, frame.transport, last - frame.transport));
  const isUnset = protocol === IpProtocol.Udp && getU16(frame.bytes, frame.transport + field) === 0;
  if (!isUnset) setU16(message.bytes, quoteAt + at, checksum === 0 && protocol === IpProtocol.Udp ? 0xffff : checksum);
}
