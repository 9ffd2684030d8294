/**
 * The groups that one socket is in, and its choice of an interface for what it sends to groups. ip(7), RFC 1112 §6.1, §7.1; errnos as
 * in net/ipv4/igmp.c. Not here: filters by source (IP_ADD_SOURCE_MEMBERSHIP and its like).
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, isMulticast } from '../../ip/address.ts';
import type { IpPacket } from '../../ip/service.ts';
import type { CommonOptions, GroupRequest, SocketGroups } from '../socket.ts';
import type { InetHost } from './host.ts';

export class Multicast implements SocketGroups {
  readonly #host: InetHost;
  /** The socket's own, which changes. */
  readonly #options: CommonOptions;
  /** Each with the interface that it was joined on. Bounded by config.ip.maxMemberships. */
  readonly #memberships: GroupRequest[] = [];

  constructor(host: InetHost, options: CommonOptions) {
    this.#host = host;
    this.#options = options;
  }

  join({ group, address, interfaceId }: GroupRequest): number {
    if (!isMulticast(group)) return -Errno.EINVAL;
    const { ip, context, kick } = this.#host;
    const found = ip.groups.interfaceFor(group, address, interfaceId);
    if (found === 0) return -Errno.ENODEV;
    if (this.#memberships.some((other) => other.group === group && other.interfaceId === found))
      return -Errno.EADDRINUSE;
    if (this.#memberships.length >= context.config.ip.maxMemberships) return -Errno.ENOBUFS;
    this.#memberships.push({ group, address, interfaceId: found });
    ip.groups.join(group, found);
    kick();
    return 0;
  }

  leave({ group, address, interfaceId }: GroupRequest): number {
    const { groups } = this.#host.ip;
    const found = groups.interfaceFor(group, address, interfaceId);
    if (found === 0 && interfaceId === 0 && address === ANY_ADDRESS) return -Errno.ENODEV;
    // An address that is no interface's any more still names the membership that was made with it.
    const index = this.#memberships.findIndex(
      (other) => other.group === group && (found !== 0 ? other.interfaceId === found : other.address === address),
    );
    if (index < 0 || (found === 0 && interfaceId !== 0)) return -Errno.EADDRNOTAVAIL;
    const [left] = this.#memberships.splice(index, 1);
    groups.leave(group, left!.interfaceId);
    return 0;
  }

  choose({ address, interfaceId }: GroupRequest): number {
    const none = interfaceId === 0 && address === ANY_ADDRESS;
    const found = none ? 0 : this.#host.ip.groups.interfaceFor(ANY_ADDRESS, address, interfaceId);
    if (found === 0 && !none) return -Errno.EADDRNOTAVAIL;
    const { boundDevice } = this.#options;
    if (found !== 0 && boundDevice !== 0 && boundDevice !== found) return -Errno.EINVAL;
    this.#options.multicastInterface = found;
    this.#options.multicastSource = address;
    return 0;
  }

  /** Whether the socket takes a datagram to a group that its interface is in; others do not matter here. */
  wants({ destination, interfaceId }: IpPacket): boolean {
    if (this.#options.multicastAll || !isMulticast(destination)) return true;
    return this.#memberships.some((own) => own.group === destination && own.interfaceId === interfaceId);
  }

  /** The socket is closed: it leaves its groups. */
  clear(): void {
    for (const { group, interfaceId } of this.#memberships.splice(0)) this.#host.ip.groups.leave(group, interfaceId);
  }
}
