/**
 * Host groups: which multicast groups each interface is in, and for how many members. RFC 1112 §7.1, §7.2; ip(7).
 *
 * The first member has the link layer take the group's frames, the last one lets it stop; IGMP is told of both. 224.0.0.1 is joined with
 * each interface and never left. Not here: filters by source (RFC 3376).
 */
import { ANY_ADDRESS, isLoopback } from './address.ts';
import type { IpAddress } from './address.ts';
import type { NetworkInterface } from './interface.ts';
import type { RouteTable } from './routes.ts';
import type { GroupObserver, GroupService } from './service.ts';

/** The loopback's place among the interfaces. */
const LOOPBACK = 0;

export class HostGroups implements GroupService {
  observer: GroupObserver | undefined = undefined;
  readonly #interfaces: readonly NetworkInterface[];
  readonly #routes: RouteTable;

  /** @param networks the interfaces by id - 1, and the routes */
  constructor(networks: { readonly interfaces: readonly NetworkInterface[]; readonly routes: RouteTable }) {
    this.#interfaces = networks.interfaces;
    this.#routes = networks.routes;
  }

  join(group: IpAddress, interfaceId: number): void {
    const { groups, link } = this.#interfaces[interfaceId - 1]!;
    const members = groups.get(group) ?? 0;
    groups.set(group, members + 1);
    if (members > 0) return;
    link.joinGroup?.(group);
    this.observer?.joined(group, interfaceId);
  }

  leave(group: IpAddress, interfaceId: number): void {
    const { groups, link } = this.#interfaces[interfaceId - 1]!;
    const members = groups.get(group) ?? 0;
    if (members > 1) {
      groups.set(group, members - 1);
    } else if (groups.delete(group)) {
      link.leaveGroup?.(group);
      this.observer?.left(group, interfaceId);
    }
  }

  interfaceFor(group: IpAddress, address: IpAddress, interfaceId: number): number {
    if (interfaceId !== 0) return this.#interfaces[interfaceId - 1]?.id ?? 0;
    if (address === ANY_ADDRESS) return this.#routes.lookup(group)?.interfaceId ?? 0;
    if (isLoopback(address)) return this.#interfaces[LOOPBACK]!.id;
    return this.#interfaces.find(({ addresses }) => addresses.some((own) => own.address === address))?.id ?? 0;
  }
}
