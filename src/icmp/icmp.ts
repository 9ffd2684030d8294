/**
 * ICMP: what to do with each type of message, and the sending of errors. RFC 792, RFC 1122 §3.2.2, RFC 6633, RFC 6918.
 *
 * Replies to queries of this host reach programs through raw listeners (IpService.addRaw), which see every message before
 * this handler does: that is the "ICMP user interface" (1122-3.2.2.6-g). Declined: Timestamp (MAY), since the core has no time of day.
 */
import { sumIsValid } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { IcmpSupport, IpPacket, ProtocolHandler } from '../ip/service.ts';
import { EchoServer } from './echo.ts';
import { ErrorSender } from './errors.ts';
import { ErrorReceiver } from './reports.ts';
import { ICMP_HEADER_LENGTH, IcmpType, icmpType } from './wire.ts';

/** Counters since the start; what was not processed is in the drop counters. */
export interface IcmpCounters {
  readonly received: number;
  readonly echoesAnswered: number;
  readonly errorsSent: number;
}

export class Icmp implements ProtocolHandler {
  readonly #context: Context;
  readonly #echo: EchoServer;
  readonly #sender: ErrorSender;
  readonly #receiver: ErrorReceiver;
  #received = 0;

  /** Takes IP's hooks for errors, so that Destination Unreachable and Parameter Problem are sent from now on. */
  constructor(context: Context, ip: IcmpSupport) {
    this.#context = context;
    this.#echo = new EchoServer(context, ip);
    this.#sender = new ErrorSender(context, ip);
    this.#receiver = new ErrorReceiver(context, ip);
    ip.onUndeliverable = (frame, packet, code, now) => this.sendUnreachable(frame, packet, code, now);
    ip.onReassemblyTimeout = (frame, packet, code, now) => this.sendTimeExceeded(frame, packet, code, now);
    ip.onParameterProblem = (frame, packet, pointer, now) => this.sendParameterProblem(frame, packet, pointer, now);
  }

  receive(frame: Frame, packet: IpPacket, now: Micros): boolean {
    const { drops } = this.#context;
    this.#received++;
    if (frame.length < ICMP_HEADER_LENGTH) {
      drops.drop('icmp-truncated', frame);
    } else if (!sumIsValid(frame.sum(frame.start, frame.length))) {
      drops.drop('icmp-checksum', frame);
    } else {
      this.#dispatch(frame, packet, now);
    }
    return true;
  }

  /** Errors about ICMP messages of this host go to the raw listeners alone. */
  error(): void {
    // The raw listeners have had it.
  }

  /** Sends Destination Unreachable about a datagram, if the rules allow. The frame is lent, `network` set. RFC 1122 §3.2.2.1. */
  sendUnreachable(frame: Frame, packet: IpPacket, code: number, now: Micros): void {
    this.#sender.send(IcmpType.DestinationUnreachable, code, 0, frame, packet, now);
  }

  /** Sends Parameter Problem; `pointer` is the octet in error. RFC 1122 §3.2.2.5. */
  sendParameterProblem(frame: Frame, packet: IpPacket, pointer: number, now: Micros): void {
    this.#sender.send(IcmpType.ParameterProblem, 0, (pointer << 24) >>> 0, frame, packet, now);
  }

  /** Sends Time Exceeded; code 1 is reassembly time exceeded. RFC 1122 §3.3.2. */
  sendTimeExceeded(frame: Frame, packet: IpPacket, code: number, now: Micros): void {
    this.#sender.send(IcmpType.TimeExceeded, code, 0, frame, packet, now);
  }

  counters(): IcmpCounters {
    return { received: this.#received, echoesAnswered: this.#echo.answered, errorsSent: this.#sender.sent };
  }

  #dispatch(frame: Frame, packet: IpPacket, now: Micros): void {
    const { drops } = this.#context;
    switch (icmpType(frame.bytes, frame.start)) {
      case IcmpType.Echo:
        this.#echo.answer(frame, packet, now);
        break;
      case IcmpType.EchoReply:
      case IcmpType.TimestampReply:
        // The raw listeners have had it.
        break;
      case IcmpType.DestinationUnreachable:
      case IcmpType.TimeExceeded:
      case IcmpType.ParameterProblem:
        this.#receiver.receive(frame, packet, now);
        break;
      case IcmpType.Redirect:
        this.#receiver.redirect(frame, packet, now);
        break;
      case IcmpType.SourceQuench:
        drops.drop('icmp-source-quench', frame); // 6633-5-a
        break;
      case IcmpType.Timestamp:
        drops.drop('icmp-timestamp', frame);
        break;
      case IcmpType.InformationRequest:
      case IcmpType.InformationReply:
      case IcmpType.AddressMaskRequest:
      case IcmpType.AddressMaskReply:
        drops.drop('icmp-obsolete', frame); // 1122-3.2.2.7-a, 1122-3.2.2.9-i
        break;
      default:
        drops.drop('icmp-unknown-type', frame); // 1122-3.2.2-a
    }
  }
}
