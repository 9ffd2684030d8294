/**
 * The Echo server: turns a request into its reply. RFC 792 (792-a), RFC 1122 §3.2.2.6.
 *
 * The reply is made of the request's own frame, in place, unless somebody else holds the frame too. Record Route
 * and Timestamp options come back with it (1122-3.2.2.6-h). Not here: Source Route (1122-3.2.2.6-i).
 */
import { updateChecksum } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import { echoOptions } from '../ip/send-options.ts';
import { IpProtocol } from '../ip/service.ts';
import type { IcmpSupport, IpPacket, OutputOptions } from '../ip/service.ts';
import { IcmpType, icmpChecksum, icmpCode, putIcmpChecksum, setIcmpType } from './wire.ts';

export class EchoServer {
  readonly #context: Context;
  readonly #ip: IcmpSupport;
  readonly #options: OutputOptions = { protocol: IpProtocol.Icmp, ttl: 64, tos: 0, dontFragment: false };
  /** Requests answered. */
  answered = 0;

  constructor(context: Context, ip: IcmpSupport) {
    this.#context = context;
    this.#ip = ip;
  }

  /** Answers an Echo Request whose checksum is right; the frame is lent, `start` at the message. */
  answer(frame: Frame, packet: IpPacket, now: Micros): void {
    const { drops, config } = this.#context;
    if (packet.broadcast && !config.icmp.answerBroadcastEcho) {
      drops.drop('icmp-echo-broadcast', frame);
      return;
    }
    // The reply comes from the specific destination of the request. 1122-3.2.2.6-e.
    const from = this.#ip.specificDestination(packet);
    const none = from === ANY_ADDRESS || packet.source === ANY_ADDRESS;
    const path = none ? -1 : this.#ip.route(packet.source, from, 0, echoOptions(packet.options));
    if (typeof path === 'number') {
      drops.drop('icmp-no-return', frame);
      return;
    }
    const reply = frame.shared ? this.#context.frames.clone(frame) : frame.retain();
    toReply(reply);
    reply.reason = 'echo reply';
    // The TTL is this host's (RFC 1812 §4.3.2.2); the TOS is the request's (§4.3.2.5).
    this.#options.ttl = config.ip.defaultTtl;
    this.#options.tos = packet.tos;
    this.answered++;
    this.#ip.output(path, reply, this.#options, now);
  }
}

/**
 * Makes the message at `frame.start` a reply: type 0, all else as it was, the checksum updated for the one word that changes
 * (RFC 1624 §3). A result of zero is written as all ones: both stand for zero, but zero would be wrong over a message of
 * zeros only, which is what a reply to an empty request with identifier and sequence number 0 is (RFC 1624 §5).
 */
export function toReply(frame: Frame): void {
  const { bytes, start } = frame;
  const code = icmpCode(bytes, start);
  const checksum = updateChecksum(icmpChecksum(bytes, start), (IcmpType.Echo << 8) | code, code);
  setIcmpType(bytes, start, IcmpType.EchoReply);
  putIcmpChecksum(bytes, start, checksum === 0 ? 0xffff : checksum);
}
