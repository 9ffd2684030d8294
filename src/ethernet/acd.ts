/**
 * The addresses that an interface answers for, and IPv4 Address Conflict Detection: probing a new address, announcing it,
 * defending it, giving it up. RFC 5227.
 *
 * Left out: broadcast replies (§2.6, for link-local addresses), and one host with two interfaces on one link (§2.4).
 */
import type { ArpConfig } from '../core/config.ts';
import type { Context } from '../core/context.ts';
import { randomBelow } from '../core/random.ts';
import { after, NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';
import { ANY_ADDRESS, formatAddress } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { formatMac } from './address.ts';
import type { ArpPacket } from './arp-wire.ts';

/** What the claims have done for them. */
export interface ClaimActions {
  /** Broadcasts a request for `target` with this sender address: ANY_ADDRESS makes it a probe, the target an announcement. */
  broadcastRequest(senderProtocol: IpAddress, target: IpAddress, now: Micros): void;
  /** The address may be used from now on. */
  ready(address: IpAddress, now: Micros): void;
  /** The address is taken by another station and not ours any more. */
  conflict(address: IpAddress, now: Micros): void;
}

/**
 * What to do about a second conflict within DEFEND_INTERVAL, RFC 5227 §2.4: (b) give the address up, or (c) keep it and be
 * silent, for routers and servers whose address is known to others.
 */
export type DefencePolicy = 'give-up' | 'keep';

/** One own address: it is probed, then in use (announced a few times on the side). */
class Claim implements TimerOwner {
  readonly address: IpAddress;
  deadline: Micros = NEVER;
  heapIndex = -1;
  inUse = false;
  probesSent = 0;
  announcementsSent = 0;
  /** When a conflicting packet last came; undefined before the first. */
  conflictAt: Micros | undefined = undefined;
  readonly #claims: AddressClaims;

  constructor(address: IpAddress, claims: AddressClaims) {
    this.address = address;
    this.#claims = claims;
  }

  onDeadline(now: Micros): void {
    this.#claims.expire(this, now);
  }
}

export class AddressClaims {
  readonly #context: Context;
  readonly #config: ArpConfig;
  readonly #actions: ClaimActions;
  readonly #interfaceName: string;
  readonly #defence: DefencePolicy;
  /** As many as the user configures. */
  readonly #claims = new Map<IpAddress, Claim>();
  /** Conflicts so far, for MAX_CONFLICTS; and the start of the last probing. RFC 5227 §2.1.1. */
  #conflicts = 0;
  #lastAttempt: Micros | undefined = undefined;

  constructor(context: Context, actions: ClaimActions, interfaceName: string, defence: DefencePolicy) {
    this.#context = context;
    this.#config = context.config.arp;
    this.#actions = actions;
    this.#interfaceName = interfaceName;
    this.#defence = defence;
  }

  /** Claims an address, after probing it if `probe`; without, `ready` is called before this returns. */
  add(address: IpAddress, probe: boolean, now: Micros): void {
    if (this.#claims.has(address)) return;
    const claim = new Claim(address, this);
    this.#claims.set(address, claim);
    if (!probe) {
      this.#announce(claim, now);
      return;
    }
    const start = this.#attemptTime(now);
    this.#lastAttempt = start;
    this.#context.timers.schedule(claim, after(start, randomBelow(this.#context.random, this.#config.probeWait)));
  }

  /** Gives an address up. */
  remove(address: IpAddress): void {
    const claim = this.#claims.get(address);
    if (claim === undefined) return;
    this.#context.timers.cancel(claim);
    this.#claims.delete(address);
  }

  clear(): void {
    for (const address of [...this.#claims.keys()]) this.remove(address);
  }

  /** Whether requests for this address are to be answered: from the first announcement on. RFC 5227 §2.5. */
  isInUse(address: IpAddress): boolean {
    return this.#claims.get(address)?.inUse === true;
  }

  /**
   * The own address to ask for `target` from: the one that shares the longest prefix with it, hence lies in its network.
   * Undefined when none is in use; a request from 0.0.0.0 would be a probe, which claims the target.
   */
  sourceFor(target: IpAddress): IpAddress | undefined {
    let best: IpAddress | undefined = undefined;
    let bestLength = -1;
    for (const claim of this.#claims.values()) {
      const length = Math.clz32(claim.address ^ target);
      if (!claim.inUse || length <= bestLength) continue;
      best = claim.address;
      bestLength = length;
    }
    return best;
  }

  /**
   * Looks for a conflict in an ARP packet of another station, and acts on it. Returns whether there was one: such a packet
   * is neither merged nor answered. RFC 5227 §2.1.1, §2.4, §2.5.
   */
  detect(packet: ArpPacket, now: Micros): boolean {
    const rival = this.#claims.get(packet.senderProtocol);
    if (rival !== undefined) {
      this.#onConflict(rival, packet, now);
      return true;
    }
    if (packet.senderProtocol !== ANY_ADDRESS) return false;
    const wanted = this.#claims.get(packet.targetProtocol);
    // Two stations that probe for one address at the same time both step back. RFC 5227 §2.1.1.
    if (wanted === undefined || wanted.inUse) return false;
    this.#onConflict(wanted, packet, now);
    return true;
  }

  /** @internal The deadline of a claim has come. */
  expire(claim: Claim, now: Micros): void {
    if (claim.inUse || claim.probesSent >= this.#config.probeCount) this.#announce(claim, now);
    else this.#probe(claim, now);
  }

  /** 5227-2.1.1-a: PROBE_NUM probes, PROBE_MIN to PROBE_MAX apart; ANNOUNCE_WAIT after the last the address is ours. */
  #probe(claim: Claim, now: Micros): void {
    const { probeCount, probeMin, probeMax, announceWait } = this.#config;
    claim.probesSent++;
    const spread = randomBelow(this.#context.random, Math.max(0, probeMax - probeMin) + 1);
    const wait = claim.probesSent < probeCount ? probeMin + spread : announceWait;
    this.#context.timers.schedule(claim, after(now, wait));
    this.#actions.broadcastRequest(ANY_ADDRESS, claim.address, now);
  }

  /** 5227-2.3-a: ANNOUNCE_NUM announcements; the address may be used from the first on. */
  #announce(claim: Claim, now: Micros): void {
    const isFirst = !claim.inUse;
    claim.inUse = true;
    if (claim.announcementsSent < this.#config.announceCount) {
      claim.announcementsSent++;
      if (claim.announcementsSent < this.#config.announceCount) {
        this.#context.timers.schedule(claim, after(now, this.#config.announceInterval));
      }
      this.#actions.broadcastRequest(claim.address, claim.address, now);
    }
    if (!isFirst) return;
    this.#trace('address-ready', claim, now, '');
    this.#actions.ready(claim.address, now);
  }

  #onConflict(claim: Claim, packet: ArpPacket, now: Micros): void {
    this.#conflicts++;
    this.#trace('address-conflict', claim, now, formatMac(packet.senderHardware));
    const before = claim.conflictAt;
    claim.conflictAt = now;
    if (claim.inUse) {
      if (before === undefined || now - before >= this.#config.defendInterval) {
        this.#actions.broadcastRequest(claim.address, claim.address, now);
        return;
      }
      if (this.#defence === 'keep') return;
    }
    this.remove(claim.address);
    this.#actions.conflict(claim.address, now);
  }

  /** When probing may start: after MAX_CONFLICTS only once per RATE_LIMIT_INTERVAL. RFC 5227 §2.1.1. */
  #attemptTime(now: Micros): Micros {
    if (this.#conflicts < this.#config.maxConflicts || this.#lastAttempt === undefined) return now;
    return Math.max(now, this.#lastAttempt + this.#config.rateLimitInterval) as Micros;
  }

  #trace(name: string, claim: Claim, now: Micros, rival: string): void {
    if (!this.#context.trace.enabled) return;
    this.#context.trace.emit(now, 'arp', name, {
      interface: this.#interfaceName,
      address: formatAddress(claim.address),
      rival,
    });
  }
}
