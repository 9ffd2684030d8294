/**
 * Putting fragments together. RFC 791 §3.2, RFC 815, RFC 1122 §3.3.2; RFC 1858 and RFC 3128 (tiny fragments), RFC 3168 §5.3 (ECN).
 *
 * Differs: RFC 815 §3 lets fragments overlap; here, as on Linux, such a datagram is thrown away, since overlaps are made to get past
 * filters (RFC 5722, RFC 8900 §3.7). Memory has a bound for all together, beyond which the oldest go, so that nobody can fill it for good.
 */
import { copyBytes } from '../core/bytes.ts';
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';
import type { IpAddress } from './address.ts';
import {
  EcnField,
  IPV4_MAX_LENGTH,
  MORE_FRAGMENTS,
  ipFlags,
  ipFragmentOffset,
  ipIdentification,
  ipTos,
  ipTotalLength,
  setIpChecksum,
  setIpFlags,
  setIpTos,
  setIpTotalLength,
} from './ipv4-wire.ts';
import { IpProtocol } from './service.ts';
import type { IpPacket } from './service.ts';

/** What a fragment counts for besides its octets: its records. Small ones would be a cheap way to fill the memory otherwise. */
const FRAGMENT_OVERHEAD = 256;
/** The same for a datagram. */
const DATAGRAM_OVERHEAD = 512;
/** Octets of a fragment's payload are a multiple of this, but for the last. RFC 791 §3.1. */
const UNIT = 8;

/** One fragment: octets [start, end) of the datagram's payload. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly octets: Uint8Array;
}

/** A datagram of which some is here. */
interface Incomplete {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly identification: number;
  readonly interfaceId: number;
  readonly expiresAt: Micros;
  /** Ascending, disjoint. */
  readonly pieces: Piece[];
  /** Octets of payload here. */
  octets: number;
  /** Octets of payload in all; Infinity until the last fragment is here. */
  length: number;
  /** The header of fragment zero, options included. */
  header: Uint8Array | undefined;
  broadcast: boolean;
  linkBroadcast: boolean;
  /** A bit for each value of the ECN field that was seen. */
  ecn: number;
  /** What it counts for in the bound on memory. */
  cost: number;
}

/** Told when the time is up for a datagram whose fragment zero is here: that comes as a frame, which is lent, `start` at its header. */
export type ReassemblyExpired = (frame: Frame, interfaceId: number, broadcast: boolean, now: Micros) => void;

export class Reassembly implements TimerOwner {
  deadline: Micros = NEVER;
  heapIndex = -1;
  readonly #context: Context;
  readonly #expired: ReassemblyExpired;
  /** Oldest first; the key is made of source and Identification, and those that share it are told apart by the rest. */
  readonly #partials = new Map<number, Incomplete[]>();
  #cost = 0;
  /** Fragments that wait here. */
  held = 0;
  /** Fragments that became part of a datagram which another one of it is counted for, since the start. */
  merged = 0;

  constructor(context: Context, expired: ReassemblyExpired) {
    this.#context = context;
    this.#expired = expired;
  }

  /** What incomplete datagrams take (octets): at most config.ip.reassemblyMemory. */
  get memory(): number {
    return this.#cost;
  }

  /**
   * Takes a fragment; the frame is lent, its header is checked. Returns the whole datagram as a frame of its own, `start` at its header,
   * which the caller releases, once nothing is missing. RFC 815 §3.
   */
  take(frame: Frame, packet: IpPacket, now: Micros): Frame | undefined {
    const { bytes, network } = frame;
    const start = ipFragmentOffset(bytes, network);
    const end = start + frame.end - frame.transport;
    const more = (ipFlags(bytes, network) & MORE_FRAGMENTS) !== 0;
    const invalid = judge(packet.protocol, start, end, more);
    if (invalid !== undefined) {
      this.#context.drops.drop(invalid, frame);
      return undefined;
    }
    const partial = this.#find(packet, ipIdentification(bytes, network)) ?? this.#open(frame, packet, now);
    if (!this.#insert(partial, frame, start, end, more)) return undefined;
    partial.ecn |= 1 << (ipTos(bytes, network) & EcnField.Mask);
    partial.broadcast ||= packet.broadcast;
    partial.linkBroadcast ||= frame.linkBroadcast;
    if (start === 0) partial.header = bytes.slice(network, frame.transport);
    if (partial.octets === partial.length) return this.#complete(partial);
    while (this.#cost > this.#context.config.ip.reassemblyMemory) this.#giveUp(this.#oldest()!, 'ip-reassembly-full');
    return undefined;
  }

  /** Gives up what has waited too long. 1122-3.3.2-f: the time is fixed, and does not depend on the TTL. */
  onDeadline(now: Micros): void {
    for (let oldest = this.#oldest(); oldest !== undefined && oldest.expiresAt <= now; oldest = this.#oldest()) {
      const zero = this.#fragmentZero(oldest);
      const { interfaceId, broadcast } = oldest;
      this.#giveUp(oldest, 'ip-reassembly-timeout');
      if (zero === undefined) continue;
      this.#expired(zero, interfaceId, broadcast, now); // 1122-3.3.2-e
      zero.release();
    }
    this.#schedule();
  }

  #find(packet: IpPacket, identification: number): Incomplete | undefined {
    return this.#partials
      .get(keyOf(packet.source, identification))
      ?.find(
        (partial) =>
          partial.destination === packet.destination &&
          partial.protocol === packet.protocol &&
          partial.interfaceId === packet.interfaceId,
      );
  }

  #open(frame: Frame, packet: IpPacket, now: Micros): Incomplete {
    const { source, destination, protocol, interfaceId } = packet;
    const partial: Incomplete = {
      source,
      destination,
      protocol,
      identification: ipIdentification(frame.bytes, frame.network),
      interfaceId,
      expiresAt: after(now, this.#context.config.ip.reassemblyTimeout),
      pieces: [],
      octets: 0,
      length: Infinity,
      header: undefined,
      broadcast: false,
      linkBroadcast: false,
      ecn: 0,
      cost: DATAGRAM_OVERHEAD,
    };
    const key = keyOf(source, partial.identification);
    const others = this.#partials.get(key);
    if (others === undefined) this.#partials.set(key, [partial]);
    else others.push(partial);
    this.#cost += partial.cost;
    this.#schedule();
    return partial;
  }

  /** Puts octets [start, end) where they belong. False when that cannot be: the fragment, or the whole datagram, is dropped. */
  #insert(partial: Incomplete, frame: Frame, start: number, end: number, more: boolean): boolean {
    const { pieces } = partial;
    let place = pieces.length;
    while (place > 0 && pieces[place - 1]!.start > start) place--;
    const before = pieces[place - 1];
    const next = pieces[place];
    const last = pieces.at(-1);
    if (before !== undefined && before.start <= start && end <= before.end && (more || end === partial.length)) {
      this.#context.drops.drop('ip-fragment-duplicate', frame); // nothing new in it: the network has copied it
      return false;
    }
    const overlaps = (before !== undefined && before.end > start) || (next !== undefined && next.start < end);
    // The last fragment says where the datagram ends, and nothing lies beyond that.
    const beyond =
      end > partial.length || (!more && (partial.length !== Infinity || (last !== undefined && last.end > end)));
    if (overlaps || beyond) {
      this.#context.drops.drop('ip-fragment-overlap', frame);
      this.#giveUp(partial, 'ip-fragment-overlap');
      return false;
    }
    pieces.splice(place, 0, { start, end, octets: frame.bytes.slice(frame.transport, frame.end) });
    this.held++;
    partial.octets += end - start;
    if (!more) partial.length = end;
    const cost = end - start + FRAGMENT_OVERHEAD;
    partial.cost += cost;
    this.#cost += cost;
    return true;
  }

  /** Nothing is missing. The header is that of fragment zero. RFC 791 §3.2. */
  #complete(partial: Incomplete): Frame | undefined {
    const header = partial.header!;
    const total = header.length + partial.length;
    this.#remove(partial);
    this.merged += partial.pieces.length - 1;
    const frame = this.#frameOf(header, partial.pieces, total);
    if (total > IPV4_MAX_LENGTH) {
      this.#context.drops.drop('ip-fragment-too-long', frame);
      frame.release();
      return undefined;
    }
    const { bytes, start } = frame;
    if ((partial.ecn & (1 << EcnField.Ce)) !== 0) {
      // 3168-5.3-a.
      if ((partial.ecn & (1 << EcnField.NotEct)) !== 0) {
        this.#context.drops.drop('ip-fragment-ecn', frame);
        frame.release();
        return undefined;
      }
      setIpTos(bytes, start, ipTos(bytes, start) | EcnField.Ce);
    }
    setIpTotalLength(bytes, start, total);
    setIpFlags(bytes, start, 0);
    setIpChecksum(bytes, start, header.length);
    frame.linkBroadcast = partial.linkBroadcast;
    return frame;
  }

  /** Fragment zero as it came, or undefined when it is not here. */
  #fragmentZero(partial: Incomplete): Frame | undefined {
    const { header, pieces, linkBroadcast } = partial;
    if (header === undefined) return undefined;
    const frame = this.#frameOf(header, pieces.slice(0, 1), ipTotalLength(header, 0));
    frame.linkBroadcast = linkBroadcast;
    return frame;
  }

  #frameOf(header: Uint8Array, pieces: readonly Piece[], total: number): Frame {
    const frame = this.#context.frames.acquire(total);
    const { bytes, start } = frame;
    copyBytes(header, 0, bytes, start, header.length);
    frame.network = start;
    frame.transport = start + header.length;
    for (const piece of pieces) copyBytes(piece.octets, 0, bytes, frame.transport + piece.start, piece.octets.length);
    frame.end = start + total;
    return frame;
  }

  #oldest(): Incomplete | undefined {
    for (const [first] of this.#partials.values()) return first;
    return undefined;
  }

  #giveUp(partial: Incomplete, reason: DropReason): void {
    for (let i = 0; i < partial.pieces.length; i++) this.#context.drops.drop(reason);
    this.#remove(partial);
  }

  #remove(partial: Incomplete): void {
    const key = keyOf(partial.source, partial.identification);
    const others = this.#partials.get(key)!.filter((other) => other !== partial);
    if (others.length === 0) this.#partials.delete(key);
    else this.#partials.set(key, others);
    this.#cost -= partial.cost;
    this.held -= partial.pieces.length;
    this.#schedule();
  }

  /** All wait equally long, so the first is the next whose time is up; one that shares its key with an older may go a little later. */
  #schedule(): void {
    this.#context.timers.schedule(this, this.#oldest()?.expiresAt ?? NEVER);
  }
}

/** Unique for a source and an Identification: 48 bits. */
const keyOf = (source: IpAddress, identification: number): number => (source >>> 0) * 0x1_0000 + identification;

/** Why a fragment cannot be part of any datagram; undefined when it can. */
function judge(protocol: number, start: number, end: number, more: boolean): DropReason | undefined {
  if (end <= start || (more && (end - start) % UNIT !== 0)) return 'ip-fragment-length';
  if (end > IPV4_MAX_LENGTH) return 'ip-fragment-too-long';
  // 1858-3-a: a TCP header in two pieces is there to deceive a filter.
  if (protocol === IpProtocol.Tcp && (start === UNIT || (start === 0 && end < 2 * UNIT))) return 'ip-fragment-tiny';
  return undefined;
}
