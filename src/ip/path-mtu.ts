/**
 * What path MTU discovery has learned: the MTU of the path to a destination, where it is below that of the first link. RFC 1191.
 *
 * Fragmentation Needed lowers it, after the transport has vouched for the datagram that is quoted (RFC 5927 §4.1, RFC 8201 §4), and
 * nothing raises it but time (§6.3). Keyed by destination: §6.2 allows to leave the source out, and nothing is routed by TOS here.
 */
import type { Context } from '../core/context.ts';
import { NEVER, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';
import { formatAddress } from './address.ts';
import type { IpAddress } from './address.ts';

/** The estimate is never below this, whatever the configuration says: every link carries so much. RFC 1191 §3, RFC 791 §3.2. */
export const LEAST_PATH_MTU = 68;

/** Table 7-1 of RFC 1191: where to look next when a router does not say how much it can forward. */
const PLATEAUS: readonly number[] = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, LEAST_PATH_MTU];

/** What is known of one destination. */
export interface PathMtu {
  /** Octets of the longest datagram that gets there in one piece. */
  readonly mtu: number;
  /** The path is narrower than the least that is believed: datagrams go without DF, for routers to cut. */
  readonly locked: boolean;
  /** When it is forgotten. */
  readonly expiresAt: Micros;
}

/**
 * The estimate after a report without next-hop MTU about a datagram of `totalLength` octets: the greatest plateau below it. Some routers
 * count the header (`headerLength`) twice, so what is not below the estimate so far (`current`) is taken to be so. RFC 1191 §5.
 */
export function plateauBelow(totalLength: number, headerLength: number, current: number): number {
  const length = totalLength < current ? totalLength : totalLength - headerLength;
  return PLATEAUS.find((plateau) => plateau < length) ?? LEAST_PATH_MTU;
}

export class PathMtuTable implements TimerOwner {
  deadline: Micros = NEVER;
  heapIndex = -1;
  /** Changes with every entry: paths keep what they have looked up until then. */
  generation = 1;
  readonly #context: Context;
  /** The entry changed longest ago comes first. */
  readonly #entries = new Map<IpAddress, PathMtu>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Destinations with an entry: at most config.ip.maxPathMtus. */
  get size(): number {
    return this.#entries.size;
  }

  /** What is known of a destination; undefined where the first link's MTU is the best guess. */
  get(destination: IpAddress): PathMtu | undefined {
    return this.#entries.get(destination);
  }

  /**
   * A router said that at most `claimed` octets get to `destination`; `current` is the estimate so far. Returns whether that is news. More
   * than the estimate is not believed (1191-3-a), less than config.ip.minPathMtu neither: see PathMtu.locked.
   */
  lower(destination: IpAddress, claimed: number, current: number, now: Micros): boolean {
    const { minPathMtu, pathMtuExpires, maxPathMtus } = this.#context.config.ip;
    const before = this.#entries.get(destination);
    if (claimed > current || maxPathMtus === 0) return false;
    const floor = Math.max(minPathMtu, LEAST_PATH_MTU);
    // Differs: RFC 1191 §3 goes down to 68. Linux (ip_rt_min_pmtu) does not, as a liar could make a host send crumbs (§8).
    const mtu = claimed < floor ? Math.min(current, floor) : claimed;
    const locked = claimed < floor || before?.locked === true;
    if (mtu === current && before === undefined && !locked) return false;
    // The same again is no news, but it counts as the last time that the path was found to be narrow: 1191-3-b.
    this.#entries.delete(destination);
    this.#entries.set(destination, { mtu, locked, expiresAt: after(now, pathMtuExpires) });
    if (this.#entries.size > maxPathMtus) this.#forget(this.#oldest()![0]);
    this.#schedule();
    if (mtu === current && locked === (before?.locked ?? false)) return false;
    this.generation++;
    this.#trace(now, 'path-mtu', { destination: formatAddress(destination), mtu, locked });
    return true;
  }

  /** Entries that nobody confirmed for config.ip.pathMtuExpires are forgotten: the path may have become wider. RFC 1191 §6.3. */
  onDeadline(now: Micros): void {
    for (const [destination, { expiresAt }] of this.#entries) {
      if (expiresAt > now) break;
      this.#forget(destination);
      this.#trace(now, 'path-mtu-expired', { destination: formatAddress(destination) });
    }
    this.#schedule();
  }

  /** All entries, for display. */
  entries(): Iterable<readonly [IpAddress, PathMtu]> {
    return this.#entries;
  }

  #forget(destination: IpAddress): void {
    this.#entries.delete(destination);
    this.generation++;
  }

  /** All live equally long, so the oldest is the next to expire. */
  #oldest(): readonly [IpAddress, PathMtu] | undefined {
    for (const entry of this.#entries) return entry;
    return undefined;
  }

  #schedule(): void {
    this.#context.timers.schedule(this, this.#oldest()?.[1].expiresAt ?? NEVER);
  }

  #trace(now: Micros, name: string, facts: Record<string, string | number | boolean>): void {
    if (this.#context.trace.enabled) this.#context.trace.emit(now, 'ip', name, facts);
  }
}
