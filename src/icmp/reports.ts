/**
 * ICMP errors that come in: the quoted header is checked, the error translated, and handed to the protocol that it is about.
 *
 * RFC 792, RFC 1122 §3.2.2, RFC 1191 §4; the errno of each code as Linux has it (icmp_err_convert). Whether a transport
 * believes a report is its own business (RFC 5927): IP knows only that the quoted source is this host.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, isMulticast } from '../ip/address.ts';
import {
  IPV4_HEADER_LENGTH,
  ipDestination,
  ipFragmentOffset,
  ipHeaderLength,
  ipProtocol,
  ipSource,
  ipVersion,
} from '../ip/ipv4-wire.ts';
import type { IcmpSupport, IpErrorReport, IpPacket } from '../ip/service.ts';
import {
  ICMP_HEADER_LENGTH,
  IcmpType,
  UnreachableCode,
  icmpCode,
  icmpGateway,
  icmpNextHopMtu,
  icmpType,
} from './wire.ts';

/** What a transport must be able to see of its header. RFC 792. */
const QUOTED_TRANSPORT = 8;

/**
 * errno and hardness of Destination Unreachable by code, as in Linux's icmp_err_convert. Codes 0, 1 and 5 are hints only
 * (1122-3.2.2.1-d), as is 4, which path MTU discovery answers (RFC 1191).
 */
const UNREACHABLE: readonly (readonly [errno: number, hard: boolean])[] = [
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.ENOPROTOOPT, true],
  [Errno.ECONNREFUSED, true],
  [Errno.EMSGSIZE, false],
  [Errno.EOPNOTSUPP, false],
  [Errno.ENETUNREACH, true],
  [Errno.EHOSTDOWN, true],
  [Errno.ENONET, true],
  [Errno.ENETUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
];

/** Highest code of a Redirect, of Time Exceeded and of Parameter Problem. RFC 792; RFC 1122 §3.2.2.5; RFC 1108. */
const REDIRECT_CODES = 3;
const TIME_EXCEEDED_CODES = 1;
const PARAMETER_PROBLEM_CODES = 2;

export class ErrorReceiver {
  readonly #context: Context;
  readonly #ip: IcmpSupport;
  readonly #report: IpErrorReport = {
    from: ANY_ADDRESS,
    source: ANY_ADDRESS,
    destination: ANY_ADDRESS,
    protocol: 0,
    type: 0,
    code: 0,
    errno: 0,
    hard: false,
    mtu: 0,
    ttl: 0,
    tos: 0,
    interfaceId: 0,
  };

  constructor(context: Context, ip: IcmpSupport) {
    this.#context = context;
    this.#ip = ip;
  }

  /** Takes Destination Unreachable, Time Exceeded or Parameter Problem; the frame is lent, `start` at the message. */
  receive(frame: Frame, packet: IpPacket, now: Micros): void {
    const { drops } = this.#context;
    const at = frame.start;
    if (!this.#convert(icmpType(frame.bytes, at), icmpCode(frame.bytes, at))) {
      drops.drop('icmp-unknown-code', frame);
      return;
    }
    const report = this.#report;
    report.mtu =
      report.type === IcmpType.DestinationUnreachable && report.code === UnreachableCode.FragmentationNeeded
        ? icmpNextHopMtu(frame.bytes, at)
        : 0;
    report.ttl = packet.ttl;
    report.tos = packet.tos;
    report.interfaceId = packet.interfaceId;
    if (!this.#enterQuote(frame, packet)) return;
    // 1122-3.2.2-d: the quoted protocol number names who is to handle it.
    if (!this.#ip.deliverError(report, frame, now)) drops.drop('icmp-error-no-protocol', frame);
  }

  /** Takes a Redirect. RFC 1122 §3.2.2.2. */
  redirect(frame: Frame, packet: IpPacket, now: Micros): void {
    const { drops } = this.#context;
    const { bytes, start } = frame;
    if (icmpCode(bytes, start) > REDIRECT_CODES) {
      drops.drop('icmp-unknown-code', frame);
      return;
    }
    const gateway = icmpGateway(bytes, start);
    if (!this.#enterQuote(frame, packet)) return;
    const { destination } = this.#report;
    if (packet.broadcast || !this.#ip.redirect(packet.source, destination, gateway, packet.interfaceId, now)) {
      drops.drop('icmp-redirect-refused', frame);
    }
  }

  /** Fills in what type and code say; false when the code has no meaning. */
  #convert(type: number, code: number): boolean {
    const report = this.#report;
    report.type = type;
    report.code = code;
    report.hard = false;
    if (type === IcmpType.TimeExceeded) {
      report.errno = Errno.EHOSTUNREACH;
      return code <= TIME_EXCEEDED_CODES;
    }
    if (type === IcmpType.ParameterProblem) {
      report.errno = Errno.EPROTO;
      return code <= PARAMETER_PROBLEM_CODES;
    }
    const meaning = UNREACHABLE[code];
    if (meaning === undefined) return false;
    report.errno = meaning[0];
    report.hard = meaning[1];
    return true;
  }

  /**
   * Checks the quoted header and moves `start` to it and `transport` behind it. Its checksum and total length are not looked
   * at: routers on the way may have changed what they cover.
   */
  #enterQuote(frame: Frame, packet: IpPacket): boolean {
    const { drops } = this.#context;
    const { bytes } = frame;
    const at = frame.start + ICMP_HEADER_LENGTH;
    const room = frame.end - at;
    const headerLength = room < IPV4_HEADER_LENGTH ? 0 : ipHeaderLength(bytes, at);
    if (headerLength === 0 || room < headerLength + QUOTED_TRANSPORT) {
      drops.drop('icmp-quote-truncated', frame);
      return false;
    }
    const source = ipSource(bytes, at);
    const destination = ipDestination(bytes, at);
    const wellFormed =
      ipVersion(bytes, at) === 4 && headerLength >= IPV4_HEADER_LENGTH && ipFragmentOffset(bytes, at) === 0;
    // Nobody may report about a broadcast (RFC 1122 §3.2.2), so who does is not to be believed.
    if (!wellFormed || isMulticast(destination) || this.#ip.isBroadcast(destination)) {
      drops.drop('icmp-quote-invalid', frame);
      return false;
    }
    if (!this.#ip.isLocal(source)) {
      drops.drop('icmp-quote-not-ours', frame);
      return false;
    }
    const report = this.#report;
    report.from = packet.source;
    report.source = source;
    report.destination = destination;
    report.protocol = ipProtocol(bytes, at);
    frame.start = at;
    frame.transport = at + headerLength;
    return true;
  }
}
