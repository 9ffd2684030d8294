/**
 * What a link layer offers to IP: Ethernet with ARP (ethernet/interface.ts) and the loopback (ip/loopback.ts) implement it.
 */
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { IpAddress } from '../ip/address.ts';
import type { Device } from './device.ts';

/** What a link layer tells IP. Set once by the interface that owns it. */
export interface LinkLayerUser {
  /** An IPv4 datagram; the frame is lent, `start` at the IP header, `end` at the end of the frame (padding included). */
  onIpv4(frame: Frame, now: Micros): void;
  /** A datagram could not be delivered since its next hop does not answer; the frame is lent, `start` at the IP header. */
  onUnreachable(frame: Frame, nextHop: IpAddress, now: Micros): void;
  /** Another station uses one of our addresses, and we gave it up (RFC 5227 §2.4); or a probe found it taken (§2.1). */
  onConflict(address: IpAddress, now: Micros): void;
  /** The address may be used from now on: announced, after probing if that was asked for. */
  onAddressReady(address: IpAddress, now: Micros): void;
}

export interface LinkLayer {
  readonly name: string;
  /** Octets of the largest datagram on the wire, and of the largest that `output` takes. */
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload: boolean;
  user: LinkLayerUser | undefined;
  /** What packet sockets see of it; absent where they see nothing. */
  readonly device?: Device;

  /**
   * Sends a datagram (`frame.start` at its IP header) to a neighbour. Takes over the reference.
   * 0 when sent or waiting for its address, -EHOSTUNREACH for a neighbour known not to answer.
   */
  output(frame: Frame, nextHop: IpAddress, now: Micros): number;
  /** Sends a datagram to the link's broadcast address. */
  outputBroadcast(frame: Frame, now: Micros): number;
  /** Sends a datagram to an IP multicast group. RFC 1112 §6.4. */
  outputMulticast(frame: Frame, group: IpAddress, now: Micros): number;
  /**
   * The link layer answers for this address from now on; with `probe` it first makes sure that nobody else does. RFC 5227.
   * Without it `onAddressReady` is called before this returns. An address that is there already is left as it is.
   */
  addAddress(address: IpAddress, probe: boolean, now: Micros): void;
  removeAddress(address: IpAddress): void;
  /** Word from above that the neighbour answers. RFC 4861 §7.3.1. */
  confirm(nextHop: IpAddress, now: Micros): void;
  /** Receives an IP multicast group from now on; each call wants its `leaveGroup`. Absent where nothing is filtered. RFC 1112 §7.3. */
  joinGroup?(group: IpAddress): void;
  leaveGroup?(group: IpAddress): void;
}
