/**
 * The composition root: builds the layers of one host and wires them together. It is the only file that knows them all.
 *
 * The core's whole surface is here: `receive`, `poll`, `nextDeadline`, and the socket calls. Nothing in it reads a clock,
 * waits, or calls a program; stack/driver.ts (real time) and lab/simulator.ts (virtual time) turn the crank.
 */
import type { ConfigOverrides } from '../core/config.ts';
import { makeContext } from '../core/context.ts';
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import type { RandomSource } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { macAddress } from '../ethernet/address.ts';
import type { MacAddress } from '../ethernet/address.ts';
import { Devices } from '../ethernet/device.ts';
import { EthernetInterface } from '../ethernet/interface.ts';
import { Icmp } from '../icmp/icmp.ts';
import { Igmp } from '../igmp/igmp.ts';
import { Ipv4 } from '../ip/ipv4.ts';
import type { NetworkInterface } from '../ip/interface.ts';
import { IpProtocol } from '../ip/service.ts';
import type { Link } from '../link/link.ts';
import { segmented } from '../link/segmentation.ts';
import { SocketCalls } from '../socket/calls.ts';
import type { CongestionFactories } from '../tcp/congestion/registry.ts';
import { Tcp } from '../tcp/tcp.ts';
import { Udp } from '../udp/udp.ts';
import type { StackSurface } from './surface.ts';

/** Rounds of timers, loopback and output in one poll, so that two sockets of one host cannot keep it busy for ever. */
const MAX_ROUNDS = 64;

export interface StackOptions {
  /** Where random numbers come from: CryptoRandom for a real host, SeededRandom where runs must repeat. */
  readonly random: RandomSource;
  readonly config?: ConfigOverrides;
  /** Congestion control algorithms besides those built in, by name: tcp/congestion/registry.ts. */
  readonly congestion?: CongestionFactories;
}

/** One link's place in the stack. */
export interface Port {
  readonly link: Link;
  readonly ethernet: EthernetInterface;
  readonly network: NetworkInterface;
}

export class Stack implements StackSurface {
  readonly context: Context;
  readonly ip: Ipv4;
  readonly icmp: Icmp;
  readonly igmp: Igmp;
  readonly udp: Udp;
  readonly tcp: Tcp;
  readonly calls: SocketCalls;
  /** What packet sockets see of the interfaces. */
  readonly devices = new Devices();
  readonly ports: Port[] = [];

  constructor(options: StackOptions) {
    this.context = makeContext(options.random, options.config);
    this.ip = new Ipv4(this.context);
    this.#show(this.ip.interfaces[0]!);
    this.icmp = new Icmp(this.context, this.ip);
    this.igmp = new Igmp(this.context, this.ip);
    this.udp = new Udp(this.context, this.ip);
    this.tcp = new Tcp(this.context, this.ip, options.congestion);
    this.ip.register(IpProtocol.Icmp, this.icmp);
    this.ip.register(IpProtocol.Igmp, this.igmp);
    this.ip.register(IpProtocol.Udp, this.udp);
    this.ip.register(IpProtocol.Tcp, this.tcp);
    this.calls = new SocketCalls(this.context, { tcp: this.tcp, udp: this.udp, ip: this.ip, devices: this.devices });
  }

  /**
   * Adds a link and returns its port number, which `receive` takes. TCP super-segments are cut in software in front of a
   * link that cannot cut them. Without `mac` the interface gets a random, locally administered one.
   */
  addLink(link: Link, mac: MacAddress = this.#randomMac()): number {
    const capable = segmented(link, this.context);
    const ethernet = new EthernetInterface(this.context, capable, mac);
    const network = this.ip.addInterface(ethernet);
    this.#show(network);
    return this.ports.push({ link: capable, ethernet, network }) - 1;
  }

  /** Takes one frame that came in on a port, and the reference that comes with it. */
  receive(port: number, frame: Frame, now: Micros): void {
    this.ports[port]!.ethernet.input(frame, now);
    frame.release();
  }

  /** Runs what is due at `now`, then sends what may be sent, of TCP a turn's share: what is left then is `pending`. */
  poll(now: Micros): void {
    this.calls.tick(now);
    this.context.timers.expire(now);
    for (let round = 0, spent = false; round < MAX_ROUNDS && this.pending && !spent; round++) {
      this.ip.poll(now);
      this.igmp.poll(now);
      this.tcp.poll(now);
      spent = this.tcp.isSpent;
      this.udp.poll(now);
      this.calls.poll(now);
    }
  }

  /** When `poll` must be called for a timer's sake; `NEVER` when none is set. Work that is `pending` wants it at once, links have their own. */
  nextDeadline(): Micros {
    return this.context.timers.next();
  }

  get pending(): boolean {
    const { ip, igmp, tcp, udp, calls } = this;
    return ip.pending || tcp.pending || udp.pending || calls.pending || igmp.pending;
  }

  #show({ id, link }: NetworkInterface): void {
    if (link.device !== undefined) this.devices.add(id, link.device);
  }

  #randomMac(): MacAddress {
    // Locally administered, individual: the low bits of the first octet are 10 (IEEE 802-2014 §8.4).
    const high = (this.context.random.u32() & 0xfcff) | 0x0200;
    return macAddress(high * 0x1_0000_0000 + this.context.random.u32());
  }
}
