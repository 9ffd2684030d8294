/**
 * Everything that a host knows about itself, as plain data: what the HTTP page, the tests and the lab tools show.
 */
import type { MemoryUsage } from '../core/buffers.ts';
import type { DropReason } from '../core/drop.ts';
import type { Micros } from '../core/time.ts';
import { formatMac } from '../ethernet/address.ts';
import type { EthernetPort } from '../ethernet/ethernet.ts';
import type { IcmpCounters } from '../icmp/icmp.ts';
import type { IgmpCounters } from '../igmp/igmp.ts';
import { formatAddress, formatPrefix } from '../ip/address.ts';
import type { Ipv4Counters } from '../ip/ipv4.ts';
import type { ListenerCounters, TcpInfo } from '../tcp/service.ts';
import type { UdpCounters } from '../udp/udp.ts';
import type { Stack } from './stack.ts';

export interface Snapshot {
  /** The host's clock when it was taken (us). */
  readonly time: Micros;
  readonly interfaces: readonly InterfaceSnapshot[];
  readonly routes: readonly RouteSnapshot[];
  readonly neighbors: readonly NeighborSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly connections: readonly TcpInfo[];
  readonly udpPorts: readonly { readonly local: string; readonly remote: string | undefined }[];
  /** Memory of the buffers of all connections (octets), and connections whose programs have closed them. */
  readonly memory: MemoryUsage;
  readonly orphans: number;
  /** Open descriptors of the socket table. */
  readonly descriptors: number;
  readonly ip: Ipv4Counters;
  readonly icmp: IcmpCounters;
  readonly igmp: IgmpCounters;
  readonly udp: UdpCounters;
  /** Drop counters by reason, those of the links included; reasons that never occurred are left out. */
  readonly drops: Partial<Record<DropReason, number>>;
}

export interface ListenerSnapshot extends Readonly<ListenerCounters> {
  readonly local: string;
  /** Connections that nobody has accepted yet. */
  readonly waiting: number;
}

export interface InterfaceSnapshot {
  readonly id: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: string | undefined;
  readonly addresses: readonly string[];
  readonly framesIn: number;
  readonly octetsIn: number;
  readonly framesOut: number;
  readonly octetsOut: number;
}

export interface RouteSnapshot {
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly interface: string;
  readonly metric: number;
  readonly kind: string;
}

export interface NeighborSnapshot {
  readonly interface: string;
  readonly address: string;
  readonly mac: string | undefined;
  readonly state: string;
}

/** Takes a snapshot; it shares nothing with the live stack. Cost grows with the number of connections and neighbours. */
export function takeSnapshot(stack: Stack, now: Micros): Snapshot {
  const { ip, icmp, igmp, tcp, udp, calls } = stack;
  const names = new Map(ip.interfaces.map((network) => [network.id, network.name]));
  return {
    time: now,
    interfaces: ip.interfaceInfo().map((info) => {
      const port = stack.ports.find((candidate) => candidate.network.id === info.id);
      return {
        id: info.id,
        name: info.name,
        up: info.up,
        mtu: info.mtu,
        mac: port === undefined ? undefined : formatMac(port.ethernet.mac),
        addresses: info.addresses.map(formatPrefix),
        ...traffic(port?.ethernet.port),
      };
    }),
    routes: ip.routeInfo().map((route) => ({
      destination: formatPrefix(route.destination),
      gateway: route.gateway === undefined ? undefined : formatAddress(route.gateway),
      interface: names.get(route.interfaceId) ?? '',
      metric: route.metric,
      kind: route.kind,
    })),
    neighbors: stack.ports.flatMap(({ ethernet }) =>
      ethernet.neighbors.snapshot(now).map((neighbor) => ({
        interface: ethernet.name,
        address: formatAddress(neighbor.address),
        mac: neighbor.mac === undefined ? undefined : formatMac(neighbor.mac),
        state: neighbor.state,
      })),
    ),
    listeners: Array.from(tcp.listeners(), (listener) => ({
      local: `${formatAddress(listener.address)}:${listener.port}`,
      waiting: listener.waiting,
      ...listener.counters,
    })),
    connections: Array.from(tcp.connections(), (connection) => connection.info()),
    udpPorts: Array.from(udp.ports(), (port) => ({
      local: `${formatAddress(port.localAddress)}:${port.localPort}`,
      remote: port.remoteAddress === undefined ? undefined : `${formatAddress(port.remoteAddress)}:${port.remotePort}`,
    })),
    memory: stack.context.buffers.usage(),
    orphans: tcp.orphans.size,
    descriptors: calls.size,
    ip: ip.counters(),
    icmp: icmp.counters(),
    igmp: igmp.counters(),
    udp: udp.counters(),
    drops: allDrops(stack),
  };
}

/** Frames and octets of an interface; the loopback has no frames. */
const traffic = (
  port: EthernetPort | undefined,
): Pick<InterfaceSnapshot, 'framesIn' | 'octetsIn' | 'framesOut' | 'octetsOut'> => ({
  framesIn: port?.framesIn ?? 0,
  octetsIn: port?.octetsIn ?? 0,
  framesOut: port?.framesOut ?? 0,
  octetsOut: port?.octetsOut ?? 0,
});

/** The stack's drops and its links', each set of counters once. */
function allDrops(stack: Stack): Snapshot['drops'] {
  const counters = new Set([stack.context.drops, ...stack.ports.flatMap(({ link }) => link.losses ?? [])]);
  const sums: Partial<Record<DropReason, number>> = {};
  for (const drops of counters) {
    for (const [reason, count] of drops.entries()) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}
