/**
 * A learning Ethernet switch: ports that are links, for one host (or one cable's end, through the host's own wiring) each.
 *
 * It learns where source addresses are, sends to the port that a destination was seen on, and floods what it does not know
 * (IEEE 802.1D §7.7 - §7.9). It takes no time; impair a port for delay or rate. It leaves out VLANs and the spanning
 * tree: two switches joined twice make a loop that floods for ever, as the real thing would.
 */
import { Drops } from '../core/drop.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { MINUTE } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { ETHERNET_HEADER, destinationOf, sourceOf } from '../ethernet/wire.ts';
import { fitsMtu } from './cable.ts';
import { Inbox } from './inbox.ts';
import type { FrameSink, Link } from './link.ts';

export interface SwitchOptions {
  /** Number of ports, or their names. */
  readonly ports: number | readonly string[];
  readonly mtu?: number;
  /** How long an address that sends nothing is remembered (us). Default 5 min. IEEE 802.1D §7.9.2. */
  readonly ageing?: number;
  /** Addresses remembered at most; the one silent for longest goes first. Default 4096. */
  readonly maxAddresses?: number;
  /** Frames that wait at one port for its host at most. Default 1024. */
  readonly queueFrames?: number;
  readonly drops?: Drops;
}

/** What the switch knows of an address. */
export interface SwitchEntry {
  /** The MAC address as a 48-bit number. */
  readonly address: number;
  /** Index of the port that it was last seen on. */
  readonly port: number;
  readonly seen: Micros;
}

/** 01-80-C2-00-00-00 to -0F are for the switch itself and never forwarded. IEEE 802.1D §7.12.6. */
const RESERVED_PREFIX = 0x0180_c200_0000;

export class EthernetSwitch {
  /** One link per port; the host at the port sends and receives on it. */
  readonly ports: readonly Link[];
  readonly drops: Drops;
  readonly #ports: readonly SwitchPort[];
  readonly #ageing: number;
  readonly #maxAddresses: number;
  /** In the order in which they were last seen, oldest first. */
  readonly #table = new Map<number, SwitchEntry>();

  constructor(options: SwitchOptions) {
    const { ports, mtu = 1500, queueFrames = 1024 } = options;
    const names = typeof ports === 'number' ? Array.from({ length: ports }, (_, i) => `port${i + 1}`) : ports;
    this.drops = options.drops ?? new Drops();
    this.#ageing = options.ageing ?? 5 * MINUTE;
    this.#maxAddresses = options.maxAddresses ?? 4096;
    this.#ports = names.map(
      (name, index) => new SwitchPort(this, index, name, mtu, new Inbox(this.drops, queueFrames)),
    );
    this.ports = this.#ports;
  }

  /** The addresses that are known at `now`, the one silent for longest first. */
  table(now: Micros): SwitchEntry[] {
    return [...this.#table.values()].filter((entry) => this.#isFresh(entry, now));
  }

  /** @internal A frame that the host at port `from` sent; its reference comes with it. */
  forward(from: number, frame: Frame, now: Micros): void {
    const destination = destinationOf(frame.bytes, frame.start);
    this.#learn(sourceOf(frame.bytes, frame.start), from, now);
    if (destination >= RESERVED_PREFIX && destination <= RESERVED_PREFIX + 0xf) {
      refuse(this.drops, 'switch-reserved', frame);
      return;
    }
    const entry = this.#table.get(destination);
    if (entry === undefined || isGroup(frame) || !this.#isFresh(entry, now)) {
      this.#flood(from, frame, now);
    } else if (entry.port === from) {
      refuse(this.drops, 'switch-same-port', frame);
    } else {
      this.#ports[entry.port]!.inbox.push(frame, now);
    }
  }

  #learn(source: number, port: number, now: Micros): void {
    // A group address is nobody's source. IEEE 802.1D §7.8.
    if (isGroupAddress(source)) return;
    this.#table.delete(source);
    if (this.#table.size >= this.#maxAddresses) {
      for (const oldest of this.#table.keys()) {
        this.#table.delete(oldest);
        break;
      }
    }
    this.#table.set(source, { address: source, port, seen: now });
  }

  #isFresh(entry: SwitchEntry, now: Micros): boolean {
    return now - entry.seen < this.#ageing;
  }

  /** To all ports but the one it came from; each receiver gets octets of its own, since it may change them. */
  #flood(from: number, frame: Frame, now: Micros): void {
    let last: SwitchPort | undefined = undefined;
    for (const port of this.#ports) {
      if (port.index === from || port.inbox.closed) continue;
      if (last !== undefined) last.inbox.push(frame.pool.clone(frame), now);
      last = port;
    }
    if (last === undefined) refuse(this.drops, 'switch-no-port', frame);
    else last.inbox.push(frame, now);
  }
}

const isGroup = (frame: Frame): boolean => (frame.bytes[frame.start]! & 1) !== 0;
const isGroupAddress = (address: number): boolean => (Math.floor(address / 2 ** 40) & 1) !== 0;

function refuse(drops: Drops, reason: DropReason, frame: Frame): void {
  drops.drop(reason, frame);
  frame.release();
}

class SwitchPort implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload = false;
  readonly index: number;
  readonly inbox: Inbox;
  readonly #switch: EthernetSwitch;

  constructor(owner: EthernetSwitch, index: number, name: string, mtu: number, inbox: Inbox) {
    this.#switch = owner;
    this.index = index;
    this.name = name;
    this.mtu = mtu;
    this.maxSegment = mtu;
    this.inbox = inbox;
  }

  start(wake: () => void): void {
    this.inbox.start(wake);
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    return this.inbox.receive(sink, now, budget);
  }

  send(frame: Frame, now: Micros): void {
    const drops = this.#switch.drops;
    if (this.inbox.closed) refuse(drops, 'link-down', frame);
    else if (frame.length < ETHERNET_HEADER) refuse(drops, 'link-too-short', frame);
    else if (!fitsMtu(frame, this.mtu)) refuse(drops, 'link-too-long', frame);
    else this.#switch.forward(this.index, frame, now);
  }

  nextDeadline(): Micros {
    return this.inbox.nextDue();
  }

  close(): void {
    this.inbox.close();
  }
}
