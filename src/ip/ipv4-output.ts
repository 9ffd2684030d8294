/**
 * Sending a datagram: the header, the size, and which of the link layer's calls. RFC 791 §3.1, RFC 1122 §3.2.1, §3.3.3, RFC 6864.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, isLoopback } from './address.ts';
import type { AddressTable } from './address-table.ts';
import { cutDatagram } from './fragmentation.ts';
import type { Identifications } from './identification.ts';
import {
  DONT_FRAGMENT,
  IPV4_HEADER_LENGTH,
  IPV4_MAX_LENGTH,
  ipHeaderLength,
  ipIdentification,
  ipSource,
  ipTtl,
  setIpChecksum,
  setIpIdentification,
  setIpSource,
  setIpTotalLength,
  writeHeaderWithOptions,
  writeIpv4Header,
} from './ipv4-wire.ts';
import type { Ipv4Header } from './ipv4-wire.ts';
import type { LoopbackLink } from './loopback.ts';
import type { Networks } from './networks.ts';
import { PathKind } from './path.ts';
import type { Ipv4Path } from './path.ts';
import type { RouteTable } from './routes.ts';
import { NO_OPTIONS, recordInto } from './send-options.ts';
import type { OutputOptions } from './service.ts';

export class Ipv4Output {
  /** Datagrams handed to a link layer; a super-segment counts once. */
  sent = 0;
  readonly #context: Context;
  readonly #identifications: Identifications;
  readonly #addresses: AddressTable;
  readonly #routes: RouteTable;
  readonly #loopback: LoopbackLink;
  /** Reused for every datagram. */
  readonly #header: Ipv4Header = {
    tos: 0,
    totalLength: 0,
    identification: 0,
    flagsAndOffset: 0,
    ttl: 0,
    protocol: 0,
    source: ANY_ADDRESS,
    destination: ANY_ADDRESS,
  };

  constructor(
    context: Context,
    identifications: Identifications,
    { addresses, routes }: Networks,
    loopback: LoopbackLink,
  ) {
    this.#context = context;
    this.#identifications = identifications;
    this.#addresses = addresses;
    this.#routes = routes;
    this.#loopback = loopback;
  }

  /** As IpService.output. */
  output(path: Ipv4Path, frame: Frame, options: OutputOptions, now: Micros): number {
    const error = path.refresh();
    if (error !== 0) return this.#refuse(frame, error);
    // 1122-3.2.1.7-a: never a TTL of 0, but for a multicast that is to stay within this host.
    const least = path.kind === PathKind.Multicast ? 0 : 1;
    if (options.ttl < least || options.ttl > 255) return this.#refuse(frame, -Errno.EINVAL);
    const length = frame.end - frame.start + path.headerLength;
    const most = greatestLength(path, frame, options);
    const fits = length <= most;
    const dontFragment = options.dontFragment && !path.mtuLocked;
    if (!fits && (dontFragment || !mayCut(frame, length))) return this.#tooLong(frame);
    const header = this.#header;
    header.tos = options.tos;
    header.totalLength = length;
    header.identification = dontFragment ? 0 : this.#identifications.next(path.identification);
    header.flagsAndOffset = dontFragment ? DONT_FRAGMENT : 0;
    header.ttl = options.ttl;
    header.protocol = options.protocol;
    header.source = path.source;
    header.destination = path.destination;
    const loop = options.loop !== false;
    if (!fits) return this.#fragment(path, frame, most, loop, now);
    frame.transport = frame.start;
    frame.network = frame.prepend(path.headerLength);
    if (path.options.length === 0) writeIpv4Header(frame.bytes, frame.network, header);
    else writeHeaderWithOptions(frame.bytes, frame.network, header, this.#recorded(path, now));
    return this.#send(path, frame, loop, now);
  }

  /** The options of one datagram, this host entered. RFC 791 §3.1. */
  #recorded({ options, source }: Ipv4Path, now: Micros): Uint8Array {
    const recorded = options.slice();
    recordInto(recorded, source, (address) => this.#addresses.isOwn(address), 'leave', now);
    return recorded;
  }

  /** Sends the datagram in pieces; `#header` is filled in. RFC 1122 §3.3.3, 1122-3.3.3-b. */
  #fragment(path: Ipv4Path, frame: Frame, mtu: number, loop: boolean, now: Micros): number {
    const emit = (piece: Frame): number => this.#send(path, piece, loop, now);
    const options = path.options.length === 0 ? NO_OPTIONS : this.#recorded(path, now);
    const error = cutDatagram(frame, this.#header, options, mtu, this.#context.frames, emit);
    frame.release();
    return error;
  }

  /**
   * As IpService.outputRaw. Total length and checksum are always filled in, source and Identification when zero: raw(7).
   * Differs: RFC 1122 §3.2.1.3 wants an own source, §3.2.1.1 version 4, §3.2.1.7 a TTL above 0; a raw socket may forge them, as on
   * Linux, but no source of 127.0.0.0/8 to the wire.
   */
  outputRaw(path: Ipv4Path, frame: Frame, loop: boolean, now: Micros): number {
    const error = path.refresh();
    if (error !== 0) return this.#refuse(frame, error);
    const { bytes, start } = frame;
    const length = frame.end - start;
    if (length < IPV4_HEADER_LENGTH) return this.#refuse(frame, -Errno.EINVAL);
    const headerLength = ipHeaderLength(bytes, start);
    if (headerLength < IPV4_HEADER_LENGTH || headerLength > length) return this.#refuse(frame, -Errno.EINVAL);
    const { link } = path.network!;
    if (length > link.mtu) return this.#tooLong(frame);
    if (ipSource(bytes, start) === ANY_ADDRESS) setIpSource(bytes, start, path.source);
    if (isLoopback(ipSource(bytes, start)) && !path.network!.isLoopback) return this.#refuse(frame, -Errno.EINVAL);
    if (ipIdentification(bytes, start) === 0) {
      setIpIdentification(bytes, start, this.#identifications.next(path.identification));
    }
    setIpTotalLength(bytes, start, length);
    setIpChecksum(bytes, start, headerLength);
    frame.network = start;
    frame.transport = start + headerLength;
    return this.#send(path, frame, loop, now);
  }

  #send(path: Ipv4Path, frame: Frame, loop: boolean, now: Micros): number {
    const network = path.network!;
    this.sent++;
    if (path.kind === PathKind.Broadcast) return network.link.outputBroadcast(frame, now);
    if (path.kind === PathKind.Multicast) return this.#sendToGroup(path, frame, loop, now);
    const result = network.link.output(frame, path.nextHop, now);
    // The link layer knows that a gateway does not answer: the next datagram takes another. RFC 1122 §3.3.1.4.
    if (result === -Errno.EHOSTUNREACH && path.nextHop !== path.destination) {
      this.#routes.fail(path.nextHop, network.id, now);
    }
    return result;
  }

  /** A member on the outgoing interface gets a copy, unless the sender inhibits that. RFC 1112 §6.2. */
  #sendToGroup(path: Ipv4Path, frame: Frame, loop: boolean, now: Micros): number {
    const network = path.network!;
    const group = path.nextHop;
    if (loop && !network.isLoopback && network.groups.has(group)) {
      this.#loopback.loop(this.#context.frames.clone(frame), network);
    }
    if (ipTtl(frame.bytes, frame.network) > 0 || network.isLoopback)
      return network.link.outputMulticast(frame, group, now);
    this.#context.drops.drop('ip-multicast-ttl', frame);
    frame.release();
    return 0;
  }

  #refuse(frame: Frame, error: number): number {
    this.#context.drops.drop('ip-output-refused', frame);
    frame.release();
    return error;
  }

  #tooLong(frame: Frame): number {
    this.#context.drops.drop('ip-output-too-long', frame);
    frame.release();
    return -Errno.EMSGSIZE;
  }
}

/** Octets of the longest datagram that may leave in one piece. */
function greatestLength(path: Ipv4Path, frame: Frame, options: OutputOptions): number {
  if (frame.gsoSize > 0) return path.maxSegment;
  return options.beyondPathMtu === true ? path.interfaceMtu : path.mtu;
}

/** Whether a datagram can be cut: it is one at all, and its transport checksum does not wait for somebody who sees all of it. */
const mayCut = (frame: Frame, length: number): boolean =>
  length <= IPV4_MAX_LENGTH && frame.gsoSize === 0 && frame.checksum !== Checksum.Partial;
