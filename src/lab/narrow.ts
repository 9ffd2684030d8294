/**
 * A narrow place in a path: a link that does what a router with a smaller MTU behind it would. Datagrams that are too long are cut, or,
 * with DF, dropped and reported (RFC 791 §2.3, RFC 1191 §4), in both directions; a silent one reports nothing: an ICMP black hole
 * (RFC 2923 §2.1). Nothing else of a router is here: no TTL, no routes, no ARP of its own.
 */
import { copyBytes, setU16 } from '../core/bytes.ts';
import { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER, earlier } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { ETHERNET_HEADER, EtherType } from '../ethernet/wire.ts';
import { ICMP_HEADER_LENGTH, IcmpType, UnreachableCode, setIcmpChecksum, writeIcmpHeader } from '../icmp/wire.ts';
import type { IpAddress } from '../ip/address.ts';
import {
  DONT_FRAGMENT,
  FRAGMENT_OFFSET_MASK,
  IPV4_HEADER_LENGTH,
  MORE_FRAGMENTS,
  ipFlags,
  ipHeaderLength,
  ipSource,
  ipTotalLength,
  setIpChecksum,
  setIpFlags,
  setIpTotalLength,
  writeIpv4Header,
} from '../ip/ipv4-wire.ts';
import { IpProtocol } from '../ip/service.ts';
import type { FrameSink, Link } from '../link/link.ts';
import { findIpv4 } from '../ip/offload-wire.ts';

/** Octets of a link-layer address. */
const MAC = 6;
/** Octets quoted beyond the IP header. RFC 792. */
const QUOTED = 8;

export interface NarrowOptions {
  /** Octets of the longest datagram that passes. */
  readonly mtu: number;
  /**
   * 'report' (default) tells the sender, 'old' does so without the MTU, as routers did before RFC 1191, 'silent' does not, as where
   * somebody filters ICMP.
   */
  readonly icmp?: 'report' | 'old' | 'silent';
  /** The address that reports come from. */
  readonly router: IpAddress;
}

/** A link whose far end can be reached through the narrow place only. Change `mtu` and `icmp` at any time. */
export class NarrowLink implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload = false;
  readonly drops = new Drops();
  readonly losses: readonly Drops[];
  readonly isWatched: boolean;
  /** Octets of the longest datagram that passes. */
  pathMtu: number;
  icmp: 'report' | 'old' | 'silent';
  /** Reports sent, and datagrams that were cut. */
  reports = 0;
  cut = 0;
  readonly #link: Link;
  readonly #router: IpAddress;
  /** What goes back to the near end: reports only, so at most as many as it sends. */
  #back: { frame: Frame; at: Micros }[] = [];

  constructor(link: Link, options: NarrowOptions) {
    this.#link = link;
    this.name = link.name;
    this.mtu = link.mtu;
    this.maxSegment = link.mtu;
    this.losses = [...(link.losses ?? []), this.drops];
    this.isWatched = link.isWatched === true;
    this.pathMtu = options.mtu;
    this.icmp = options.icmp ?? 'report';
    this.#router = options.router;
  }

  start(wake: () => void): void {
    this.#link.start(wake);
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    const back = this.#back;
    this.#back = [];
    for (const { frame } of back) sink(frame, now);
    const count = this.#link.receive(
      (frame) => this.#pass(frame, sink, (report) => this.#link.send(report, now), now),
      now,
      budget,
    );
    return Math.min(budget, back.length + count);
  }

  send(frame: Frame, now: Micros): void {
    const onward: FrameSink = (piece) => this.#link.send(piece, now);
    this.#pass(frame, onward, (report) => this.#back.push({ frame: report, at: now }), now);
  }

  nextDeadline(): Micros {
    return earlier(this.#link.nextDeadline(), this.#back[0]?.at ?? NEVER);
  }

  close(): void {
    for (const { frame } of this.#back) frame.release();
    this.#back = [];
    this.#link.close();
  }

  #pass(frame: Frame, onward: FrameSink, answer: (report: Frame) => void, now: Micros): void {
    const { bytes } = frame;
    const at = findIpv4(bytes, frame.start, frame.end);
    if (at < 0 || ipTotalLength(bytes, at) <= this.pathMtu) {
      onward(frame, now);
      return;
    }
    if ((ipFlags(bytes, at) & DONT_FRAGMENT) === 0) {
      this.cut++;
      this.#cut(frame, at, onward, now);
    } else {
      this.drops.drop('link-too-long', frame);
      if (this.icmp !== 'silent') answer(this.#report(frame, at));
    }
    frame.release();
  }

  /** RFC 791 §3.2, An Example Fragmentation Procedure; options, which need more care, go with every piece. */
  #cut(frame: Frame, at: number, onward: FrameSink, now: Micros): void {
    const { bytes } = frame;
    const header = ipHeaderLength(bytes, at);
    const length = ipTotalLength(bytes, at) - header;
    const flags = ipFlags(bytes, at);
    const most = (this.pathMtu - header) & ~7;
    for (let done = 0; done < length; done += most) {
      const size = Math.min(most, length - done);
      const front = at - frame.start + header;
      const piece = frame.pool.acquire(front + size);
      copyBytes(bytes, frame.start, piece.bytes, piece.start, front);
      copyBytes(bytes, at + header + done, piece.bytes, piece.start + front, size);
      piece.end = piece.start + front + size;
      const ip = piece.start + at - frame.start;
      const more = done + size < length || (flags & MORE_FRAGMENTS) !== 0;
      const offset = (flags & FRAGMENT_OFFSET_MASK) + (done >> 3);
      setIpTotalLength(piece.bytes, ip, header + size);
      setIpFlags(piece.bytes, ip, offset | (more ? MORE_FRAGMENTS : 0));
      setIpChecksum(piece.bytes, ip, header);
      onward(piece, now);
    }
  }

  /** Fragmentation Needed, back to where the datagram came from. RFC 1191 §4. */
  #report(frame: Frame, at: number): Frame {
    const { bytes } = frame;
    const quoted = ipHeaderLength(bytes, at) + QUOTED;
    const length = IPV4_HEADER_LENGTH + ICMP_HEADER_LENGTH + quoted;
    const report = frame.pool.acquire(ETHERNET_HEADER + length);
    const to = report.bytes;
    const start = report.start;
    report.end = start + ETHERNET_HEADER + length;
    copyBytes(bytes, frame.start + MAC, to, start, MAC);
    copyBytes(bytes, frame.start, to, start + MAC, MAC);
    setU16(to, start + 2 * MAC, EtherType.Ipv4);
    const ip = start + ETHERNET_HEADER;
    writeIpv4Header(to, ip, {
      tos: 0,
      totalLength: length,
      identification: 0,
      flagsAndOffset: 0,
      ttl: 64,
      protocol: IpProtocol.Icmp,
      source: this.#router,
      destination: ipSource(bytes, at),
    });
    const icmp = ip + IPV4_HEADER_LENGTH;
    const mtu = this.icmp === 'old' ? 0 : this.pathMtu;
    writeIcmpHeader(to, icmp, IcmpType.DestinationUnreachable, UnreachableCode.FragmentationNeeded, mtu);
    copyBytes(bytes, at, to, icmp + ICMP_HEADER_LENGTH, quoted);
    setIcmpChecksum(to, icmp, ICMP_HEADER_LENGTH + quoted);
    this.reports++;
    return report;
  }
}
