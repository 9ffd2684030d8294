/**
 * One Ethernet port: takes what is addressed to this station off a link and hands it on by EtherType; frames and sends what
 * the layers above give. RFC 894, RFC 1042 on receipt (RFC 1122 §2.3.3), RFC 1112 §7 for groups.
 *
 * Left out: VLANs other than the priority tag, 802.3 on output, trailers (RFC 893; 1122-2.3.1-b).
 */
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { Link } from '../link/link.ts';
import { BROADCAST_MAC, isGroup } from './address.ts';
import type { MacAddress } from './address.ts';
import { emitEthernet, ETHERNET_HEADER, makeEthernetHeader, MIN_FRAME, parseEthernet } from './wire.ts';

/** Takes a lent frame whose `start` is past the link header and whose `end` may be past the datagram (padding). */
export type EtherHandler = (frame: Frame, now: Micros) => void;

export class EthernetPort {
  readonly link: Link;
  readonly mac: MacAddress;
  /** Frames and octets taken and given, Ethernet headers counted; what was refused is in the drop counters. */
  framesIn = 0;
  octetsIn = 0;
  framesOut = 0;
  octetsOut = 0;

  readonly #context: Context;
  readonly #handlers = new Map<number, EtherHandler>();
  /** How often each group was joined; only its callers bound it. */
  readonly #groups = new Map<MacAddress, number>();
  readonly #header = makeEthernetHeader();

  /** Throws a RangeError when `mac` is a group address, which no station can have. */
  constructor(context: Context, link: Link, mac: MacAddress) {
    if (isGroup(mac)) throw new RangeError('a group address cannot be the address of a station');
    this.#context = context;
    this.link = link;
    this.mac = mac;
  }

  /** Frames of this EtherType go to `handler` from now on. */
  register(etherType: number, handler: EtherHandler): void {
    this.#handlers.set(etherType, handler);
  }

  /** Takes frames to this group address from now on; each `join` wants its `leave`. */
  join(group: MacAddress): void {
    this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
  }

  leave(group: MacAddress): void {
    const count = this.#groups.get(group);
    if (count === undefined) return;
    if (count > 1) this.#groups.set(group, count - 1);
    else this.#groups.delete(group);
  }

  /** Takes a received frame, which is lent and starts with its Ethernet header. */
  input(frame: Frame, now: Micros): void {
    const header = this.#header;
    const malformed = parseEthernet(frame.bytes, frame.start, frame.end, header);
    const refusal = frame.length < ETHERNET_HEADER ? malformed : (this.#refusal() ?? malformed);
    if (refusal !== undefined) {
      this.#context.drops.drop(refusal, frame);
      return;
    }
    const handler = this.#handlers.get(header.etherType);
    if (handler === undefined) {
      this.#context.drops.drop('ether-unknown-type', frame);
      return;
    }
    this.framesIn++;
    this.octetsIn += frame.end - frame.start;
    // 1122-2.4-a: IP learns whether the link's destination was a group.
    frame.linkBroadcast = header.destination !== this.mac;
    frame.start = header.payload;
    frame.end = header.end;
    handler(frame, now);
  }

  /** Sends a frame whose `start` is at the payload. Takes over the reference. */
  output(frame: Frame, destination: MacAddress, etherType: number, now: Micros): void {
    emitEthernet(frame, destination, this.mac, etherType);
    if (frame.end - frame.start < MIN_FRAME) pad(frame);
    this.framesOut++;
    this.octetsOut += frame.end - frame.start;
    this.link.send(frame, now);
  }

  /** Why the addresses of the header at hand are not for this station, else undefined. */
  #refusal(): DropReason | undefined {
    const { destination, source } = this.#header;
    if (destination !== this.mac) {
      const joined = destination === BROADCAST_MAC || (this.#groups.size > 0 && this.#groups.has(destination));
      if (!joined) return 'ether-not-for-us';
      // RFC 1112 §7.3: what this module sent to a group it does not deliver; some hubs and access points echo it.
      if (source === this.mac) return 'ether-own';
    }
    return isGroup(source) ? 'ether-bad-source' : undefined;
  }
}

/** 894-a: zeros up to the least frame. They leave a partial checksum as it is, and tell nothing of old buffer contents. */
function pad(frame: Frame): void {
  const end = Math.min(frame.start + MIN_FRAME, frame.bytes.length);
  frame.bytes.fill(0, frame.end, end);
  frame.end = end;
}
