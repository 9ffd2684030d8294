/**
 * UDP: datagrams in, to the port that they are for, and out, from a queue that `poll` empties. RFC 768, RFC 1122 §4.1.
 */
import { pseudoHeaderSum } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { isMulticast } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { IpProtocol } from '../ip/service.ts';
import { isTooBig } from '../ip/service.ts';
import type { IpErrorReport, IpPacket, IpService, ProtocolHandler } from '../ip/service.ts';
import { Demux, matchScore } from './demux.ts';
import { Outbox } from './outbox.ts';
import { Port } from './port.ts';
import type { UdpOwner, UdpPort, UdpService } from './service.ts';
import { UDP_HEADER_LENGTH, udpChecksumIsValid, udpDestinationPort, udpLength, udpSourcePort } from './wire.ts';

/** Counters since the start; what was not processed is in the drop counters. */
export interface UdpCounters {
  readonly received: number;
  readonly delivered: number;
  readonly sent: number;
}

export class Udp implements UdpService, ProtocolHandler {
  readonly #context: Context;
  readonly #ip: IpService;
  readonly #demux: Demux<Port>;
  readonly #outbox: Outbox;
  #received = 0;
  #delivered = 0;

  constructor(context: Context, ip: IpService) {
    this.#context = context;
    this.#ip = ip;
    this.#demux = new Demux(context.random);
    this.#outbox = new Outbox(ip);
  }

  open(local: IpAddress, localPort: number, owner: UdpOwner): UdpPort {
    const port = new Port(this.#context, this.#demux, this.#outbox, local, localPort, owner);
    this.#demux.add(port);
    return port;
  }

  /** Sends what is queued, in the order in which it was sent. */
  poll(now: Micros): void {
    this.#outbox.flush(now);
  }

  get pending(): boolean {
    return this.#outbox.length > 0;
  }

  ports(): Iterable<UdpPort> {
    return this.#demux.all();
  }

  counters(): UdpCounters {
    return { received: this.#received, delivered: this.#delivered, sent: this.#outbox.sent };
  }

  /** Takes a datagram. RFC 768; false when no port is open for it, so that Port Unreachable goes back (1122-4.1.3.1-a). */
  receive(frame: Frame, packet: IpPacket, now: Micros): boolean {
    const { drops } = this.#context;
    this.#received++;
    const length = this.#check(frame, packet);
    if (length === 0) return true;
    const { bytes, start } = frame;
    const sourcePort = udpSourcePort(bytes, start);
    const destinationPort = udpDestinationPort(bytes, start);
    if (packet.broadcast) {
      this.#toAll(frame, length, packet, sourcePort, destinationPort, now);
      return true;
    }
    const device = this.#ip.arrivalInterface(packet);
    const port = this.#demux.find(packet.destination, destinationPort, packet.source, sourcePort, device);
    if (port === undefined) {
      drops.drop('udp-no-port', frame);
      return false;
    }
    this.#hand(port, bytes.subarray(start + UDP_HEADER_LENGTH, start + length), sourcePort, packet, frame, now);
    return true;
  }

  /** An ICMP error goes to the port that caused it. 1122-4.1.3.3-a. */
  error(report: IpErrorReport, frame: Frame, now: Micros): void {
    const localPort = udpSourcePort(frame.bytes, frame.transport);
    const remotePort = udpDestinationPort(frame.bytes, frame.transport);
    const port = this.#demux.find(report.source, localPort, report.destination, remotePort);
    if (port === undefined) {
      this.#context.drops.drop('udp-error-no-port', frame);
      return;
    }
    // As on Linux an open port is enough to believe that its datagram was too long (RFC 8201 §4 asks for more than UDP knows).
    if (isTooBig(report) && port.owner.ignoresPathMtu !== true) this.#ip.tooBig(report, frame, now);
    port.owner.onError(report, remotePort, frame.bytes.subarray(frame.transport + UDP_HEADER_LENGTH, frame.end));
  }

  /** Length, checksum and port; returns the datagram's length, or 0 when it was dropped. */
  #check(frame: Frame, packet: IpPacket): number {
    const { drops } = this.#context;
    const { bytes, start } = frame;
    const room = frame.end - start;
    if (room < UDP_HEADER_LENGTH) {
      drops.drop('udp-truncated', frame);
      return 0;
    }
    // What IP carries beyond the UDP length is not part of the datagram.
    const length = udpLength(bytes, start);
    if (length < UDP_HEADER_LENGTH || length > room) {
      drops.drop('udp-length', frame);
      return 0;
    }
    // 1122-4.1.3.4-b. A partial checksum comes from this machine's memory, a verified one was checked by the link.
    if (frame.checksum === Checksum.Full) {
      const sum = pseudoHeaderSum(packet.source, packet.destination, IpProtocol.Udp) + length;
      if (!udpChecksumIsValid(bytes, start, frame.sum(start, length, sum))) {
        drops.drop('udp-checksum', frame);
        return 0;
      }
    }
    if (udpDestinationPort(bytes, start) === 0) {
      drops.drop('udp-port-zero', frame);
      return 0;
    }
    return length;
  }

  /** A broadcast or multicast goes to every port that matches, in Linux's order; nobody is told when there is none. __udp4_lib_mcast_deliver. */
  #toAll(
    frame: Frame,
    length: number,
    packet: IpPacket,
    sourcePort: number,
    destinationPort: number,
    now: Micros,
  ): void {
    const device = this.#ip.arrivalInterface(packet);
    const ports = this.#demux.onPort(destinationPort);
    const payload = frame.bytes.subarray(frame.start + UDP_HEADER_LENGTH, frame.start + length);
    let newest: Port | undefined = undefined;
    for (let i = ports.length - 1; i >= 0; i--) {
      const port = ports[i]!;
      if (matchScore(port, packet.destination, packet.source, sourcePort, device) < 0) continue;
      if (isMulticast(packet.destination) && port.owner.wantsGroup?.(packet) === false) continue;
      if (newest === undefined) newest = port;
      else this.#hand(port, payload, sourcePort, packet, frame, now);
    }
    if (newest === undefined) this.#context.drops.drop('udp-no-port', frame);
    else this.#hand(newest, payload, sourcePort, packet, frame, now);
  }

  #hand(port: Port, payload: Uint8Array, sourcePort: number, packet: IpPacket, frame: Frame, now: Micros): void {
    if (port.owner.onDatagram(payload, packet.source, sourcePort, packet, now)) this.#delivered++;
    else this.#context.drops.drop('udp-queue-full', frame);
  }
}
