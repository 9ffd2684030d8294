/**
 * IGMP, the host's part: tells multicast routers which groups have members on each network. RFC 1112 appendix I, version 1;
 * RFC 1122 §3.3.7 (1122-3.3.7-b).
 *
 * Each membership is in one of two states: a Delaying Member has its report delay timer running, an Idle Member has not. A Report of
 * somebody else's stops the timer: one per group and network suffices. Not here: versions 2 and 3; their routers hear version 1, too.
 */
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import { randomUnit } from '../core/random.ts';
import { NEVER, SECOND, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';
import { ANY_ADDRESS, ipv4 } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { IpProtocol } from '../ip/service.ts';
import type { GroupObserver, IpPacket, IpService, OutputOptions, ProtocolHandler } from '../ip/service.ts';
import { IGMP_LENGTH, IgmpType, igmpChecksumIsValid, igmpGroup, igmpType, writeIgmp } from './wire.ts';

/** The maximum report delay D. RFC 1112 appendix I, Protocol Parameters. */
export const MAX_REPORT_DELAY = 10 * SECOND;

/** 224.0.0.1: every host is in it, and nobody reports it. */
const ALL_HOSTS = ipv4(0xe0000001);
/** Interface 1 is the loopback, where no router listens. */
const LOOPBACK_ID = 1;

/** Counters since the start. */
export interface IgmpCounters {
  /** Messages, those included that were dropped. */
  readonly received: number;
  readonly queries: number;
  readonly reportsHeard: number;
  readonly reportsSent: number;
}

export class Igmp implements ProtocolHandler, GroupObserver {
  readonly #context: Context;
  readonly #ip: IpService;
  /** By interface id, then group. Bounded by what sockets may join. */
  readonly #memberships = new Map<number, Map<IpAddress, Membership>>();
  /** New ones, which are reported at the next poll. */
  #joined: Membership[] = [];
  #received = 0;
  #queries = 0;
  #heard = 0;
  #sent = 0;
  /** A TTL of 1, and no copy: the own Report must not count as somebody else's. */
  readonly #options: OutputOptions = { protocol: IpProtocol.Igmp, ttl: 1, tos: 0, dontFragment: false, loop: false };

  /** Is told of memberships from now on. */
  constructor(context: Context, ip: IpService) {
    this.#context = context;
    this.#ip = ip;
    ip.groups.observer = this;
  }

  counters(): IgmpCounters {
    return { received: this.#received, queries: this.#queries, reportsHeard: this.#heard, reportsSent: this.#sent };
  }

  /** "join group". */
  joined(group: IpAddress, interfaceId: number): void {
    if (group === ALL_HOSTS || interfaceId === LOOPBACK_ID) return;
    let groups = this.#memberships.get(interfaceId);
    if (groups === undefined) this.#memberships.set(interfaceId, (groups = new Map<IpAddress, Membership>()));
    const membership = new Membership(group, interfaceId, (now) => this.#report(membership, now));
    groups.set(group, membership);
    this.#joined.push(membership);
  }

  /** "leave group": nobody is told, routers find out. */
  left(group: IpAddress, interfaceId: number): void {
    const groups = this.#memberships.get(interfaceId);
    const membership = groups?.get(group);
    if (membership === undefined) return;
    groups!.delete(group);
    this.#context.timers.cancel(membership);
    this.#joined = this.#joined.filter((other) => other !== membership);
  }

  get pending(): boolean {
    return this.#joined.length > 0;
  }

  /** Reports new memberships at once, and once again after a delay in case that is lost. */
  poll(now: Micros): void {
    const joined = this.#joined;
    this.#joined = [];
    for (const membership of joined) {
      this.#report(membership, now);
      this.#startTimer(membership, now);
    }
  }

  receive(frame: Frame, packet: IpPacket, now: Micros): boolean {
    const { drops } = this.#context;
    const { bytes, start } = frame;
    this.#received++;
    if (frame.length < IGMP_LENGTH) {
      drops.drop('igmp-truncated', frame);
    } else if (!igmpChecksumIsValid(bytes, start, frame.length)) {
      drops.drop('igmp-checksum', frame);
    } else if (igmpType(bytes, start) === IgmpType.Query) {
      this.#queryReceived(frame, packet, now);
    } else if (igmpType(bytes, start) === IgmpType.Report) {
      this.#reportReceived(frame, packet);
    } else {
      drops.drop('igmp-unknown-type', frame);
    }
    return true;
  }

  error(): void {
    // Nothing that IGMP sends may draw an error: it goes to groups. RFC 1112 §7.2.
  }

  /** Applies to all memberships on the interface; a timer that runs goes on. */
  #queryReceived(frame: Frame, packet: IpPacket, now: Micros): void {
    if (packet.destination !== ALL_HOSTS) {
      this.#context.drops.drop('igmp-query-destination', frame);
      return;
    }
    this.#queries++;
    for (const membership of this.#memberships.get(packet.interfaceId)?.values() ?? []) {
      if (membership.deadline === NEVER) this.#startTimer(membership, now);
    }
  }

  #reportReceived(frame: Frame, packet: IpPacket): void {
    const group = igmpGroup(frame.bytes, frame.start);
    if (packet.destination !== group) {
      this.#context.drops.drop('igmp-report-destination', frame);
      return;
    }
    this.#heard++;
    const membership = this.#memberships.get(packet.interfaceId)?.get(group);
    if (membership !== undefined) this.#context.timers.cancel(membership);
  }

  #startTimer(membership: Membership, now: Micros): void {
    const delay = Math.floor(randomUnit(this.#context.random) * MAX_REPORT_DELAY);
    this.#context.timers.schedule(membership, after(now, delay));
  }

  /** To the group itself, so that other members hear it. */
  #report({ group, interfaceId }: Membership, now: Micros): void {
    const path = this.#ip.route(group, ANY_ADDRESS, interfaceId);
    if (typeof path === 'number') {
      this.#context.drops.drop('igmp-no-route');
      return;
    }
    const frame = this.#context.frames.acquire(IGMP_LENGTH);
    frame.end = frame.start + IGMP_LENGTH;
    writeIgmp(frame.bytes, frame.start, IgmpType.Report, group);
    frame.reason = 'membership report';
    this.#sent++;
    this.#ip.output(path, frame, this.#options, now);
  }
}

/** One group on one interface; its deadline is the report delay timer. */
class Membership implements TimerOwner {
  readonly group: IpAddress;
  readonly interfaceId: number;
  deadline: Micros = NEVER;
  heapIndex = -1;
  readonly #report: (now: Micros) => void;

  constructor(group: IpAddress, interfaceId: number, report: (now: Micros) => void) {
    this.group = group;
    this.interfaceId = interfaceId;
    this.#report = report;
  }

  /** "timer expired". */
  onDeadline(now: Micros): void {
    this.#report(now);
  }
}
