/**
 * PACKET_ADD_MEMBERSHIP and PACKET_DROP_MEMBERSHIP: what a socket has asked of the receive filters of interfaces. packet(7);
 * net/packet/af_packet.c.
 */
import { Errno } from '../../core/errno.ts';
import type { MacAddress } from '../../ethernet/address.ts';
import type { Device, Devices } from '../../ethernet/device.ts';
import { PACKET_MR_ALLMULTI, PACKET_MR_MULTICAST, PACKET_MR_PROMISC, PACKET_MR_UNICAST } from '../constants.ts';

/** struct packet_mreq as the kernel compares it. */
export interface LinkMembership {
  readonly ifindex: number;
  readonly type: number;
  /** mr_alen, and as many octets of the address. */
  readonly length: number;
  readonly address: MacAddress;
}

/** Octets of a hardware address. */
const ADDRESS_LENGTH = 6;

/** Memberships of one socket at most: ENOBUFS. Linux takes as many as memory allows. */
const MAX_MEMBERSHIPS = 1024;

interface Held {
  readonly membership: LinkMembership;
  count: number;
}

export class Memberships {
  readonly #devices: Devices;
  #held: Held[] = [];

  constructor(devices: Devices) {
    this.#devices = devices;
  }

  /** Asked for twice, it is to be dropped twice. -ENODEV, -EINVAL for an address that is none of the interface's kind, -ENOBUFS. */
  add(membership: LinkMembership): number {
    const device = this.#devices.get(membership.ifindex);
    if (device === undefined) return -Errno.ENODEV;
    if (membership.length > ADDRESS_LENGTH) return -Errno.EINVAL;
    const held = this.#find(membership);
    if (held !== undefined) {
      held.count++;
      return 0;
    }
    if (namesAddress(membership.type) && membership.length !== ADDRESS_LENGTH) return -Errno.EINVAL;
    if (this.#held.length >= MAX_MEMBERSHIPS) return -Errno.ENOBUFS;
    this.#held.push({ membership, count: 1 });
    apply(device, membership, true);
    return 0;
  }

  /** 0 also for one that was never added, as in Linux. */
  drop(membership: LinkMembership): number {
    const held = this.#find(membership);
    if (held === undefined || --held.count > 0) return 0;
    this.#held.splice(this.#held.indexOf(held), 1);
    apply(this.#devices.get(membership.ifindex)!, membership, false);
    return 0;
  }

  clear(): void {
    for (const { membership } of this.#held) apply(this.#devices.get(membership.ifindex)!, membership, false);
    this.#held = [];
  }

  #find({ ifindex, type, length, address }: LinkMembership): Held | undefined {
    return this.#held.find(
      ({ membership }) =>
        membership.ifindex === ifindex &&
        membership.type === type &&
        membership.length === length &&
        membership.address === address,
    );
  }
}

const namesAddress = (type: number): boolean => type === PACKET_MR_MULTICAST || type === PACKET_MR_UNICAST;

/** Types that are not known do nothing, as in Linux. */
function apply(device: Device, { type, address }: LinkMembership, on: boolean): void {
  switch (type) {
    case PACKET_MR_MULTICAST:
    case PACKET_MR_UNICAST:
      if (on) device.addresses.add(address);
      else device.addresses.remove(address);
      return;
    case PACKET_MR_PROMISC:
      device.setPromiscuous(on);
      return;
    case PACKET_MR_ALLMULTI:
      device.setAllMulticast(on);
      return;
    default:
  }
}
