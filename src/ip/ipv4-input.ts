/**
 * The checks that an incoming datagram passes, in the order of RFC 1122 §3.2.1: version, lengths, checksum, destination,
 * source, options. Each returns whether to go on; one that says no has counted a drop. None of them allocates.
 */
import type { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, isLoopback, isMulticast } from './address.ts';
import type { IpAddress } from './address.ts';
import type { AddressTable } from './address-table.ts';
import type { NetworkInterface } from './interface.ts';
import {
  IPV4_HEADER_LENGTH,
  ipChecksumIsValid,
  ipDestination,
  ipHeaderLength,
  ipProtocol,
  ipSource,
  ipTos,
  ipTotalLength,
  ipTtl,
  ipVersion,
} from './ipv4-wire.ts';
import { recordInto } from './send-options.ts';
import type { IpPacket } from './service.ts';

/**
 * Version, header length, total length, checksum. Sets `network` and `transport`, and `end` to the end of the datagram: the
 * total length counts, the rest of the frame is padding (RFC 791 §3.2, 791-3.2-a).
 */
export function checkHeader(frame: Frame, drops: Drops): boolean {
  const { bytes, start } = frame;
  const room = frame.end - start;
  if (room < IPV4_HEADER_LENGTH) return refuse(drops, 'ip-truncated', frame);
  // 1122-3.2.1.1-a.
  if (ipVersion(bytes, start) !== 4) return refuse(drops, 'ip-version', frame);
  const headerLength = ipHeaderLength(bytes, start);
  if (headerLength < IPV4_HEADER_LENGTH || headerLength > room) return refuse(drops, 'ip-header-length', frame);
  const totalLength = ipTotalLength(bytes, start);
  if (totalLength < headerLength) return refuse(drops, 'ip-total-length', frame);
  if (totalLength > room) return refuse(drops, 'ip-truncated', frame);
  // 1122-3.2.1.2-a.
  if (!ipChecksumIsValid(bytes, start, headerLength)) return refuse(drops, 'ip-checksum', frame);
  frame.end = start + totalLength;
  frame.network = start;
  frame.transport = start + headerLength;
  return true;
}

/** A record for `describe` to fill in. */
export const makePacket = (): IpPacket => ({
  source: ANY_ADDRESS,
  destination: ANY_ADDRESS,
  protocol: 0,
  ttl: 0,
  tos: 0,
  interfaceId: 0,
  broadcast: false,
  options: undefined,
});

/** Copies the header's facts into the record that goes up; `frame.start` is at the header. */
export function describe(packet: IpPacket, frame: Frame, interfaceId: number): void {
  const { bytes, start } = frame;
  packet.source = ipSource(bytes, start);
  packet.destination = ipDestination(bytes, start);
  packet.protocol = ipProtocol(bytes, start);
  packet.ttl = ipTtl(bytes, start);
  packet.tos = ipTos(bytes, start);
  packet.interfaceId = interfaceId;
  packet.broadcast = frame.linkBroadcast;
  packet.options = undefined;
}

/**
 * Whether the datagram is for this host: (1) an own address, (2) a broadcast address of a connected network, (3) a group that
 * the interface is in. RFC 1122 §3.2.1.3, 1122-3.2.1.3-c. Sets `packet.broadcast` for the latter two.
 */
export function checkDestination(
  network: NetworkInterface,
  addresses: AddressTable,
  packet: IpPacket,
  frame: Frame,
  drops: Drops,
): boolean {
  const { destination } = packet;
  if (addresses.isOwn(destination)) {
    if (isLoopback(destination) && !network.isLoopback) return refuse(drops, 'ip-loopback-from-wire', frame);
    // A link-layer broadcast must carry an IP broadcast or multicast. RFC 1122 §3.3.6, 1122-3.3.6-f.
    return frame.linkBroadcast ? refuse(drops, 'ip-link-broadcast', frame) : true;
  }
  packet.broadcast = true;
  if (isMulticast(destination)) return network.groups.has(destination) || refuse(drops, 'ip-not-joined', frame);
  // 0.0.0.0 is the old form of the limited broadcast. RFC 1122 §3.3.6.
  if (addresses.isBroadcast(destination) || destination === ANY_ADDRESS) return true;
  return refuse(drops, 'ip-not-for-us', frame);
}

/**
 * Whether the source can be answered. RFC 1122 §3.2.1.3, 1122-3.2.1.3-d. An own address from outside is a forgery or a loop;
 * what the loopback brings was sent by this host and has own sources only.
 */
export function checkSource(
  network: NetworkInterface,
  addresses: AddressTable,
  packet: IpPacket,
  frame: Frame,
  drops: Drops,
): boolean {
  const { source } = packet;
  if (network.isLoopback || addresses.isOtherHost(source)) return true;
  // A host that learns its address may send from 0.0.0.0, to everybody. RFC 1122 §3.2.1.3 (a).
  if (source === ANY_ADDRESS && packet.broadcast) return true;
  if (isLoopback(source)) return refuse(drops, 'ip-loopback-from-wire', frame);
  return refuse(drops, addresses.isOwn(source) ? 'ip-source-own' : 'ip-source-invalid', frame);
}

/** The options of a datagram with this host entered where it is to be: in a copy, since the frame is lent. */
export function recordedOptions(frame: Frame, own: IpAddress, addresses: AddressTable, now: Micros): Uint8Array {
  const options = frame.bytes.slice(frame.network + IPV4_HEADER_LENGTH, frame.transport);
  recordInto(options, own, (address) => addresses.isOwn(address), 'count', now);
  return options;
}

function refuse(drops: Drops, reason: Parameters<Drops['drop']>[0], frame: Frame): false {
  drops.drop(reason, frame);
  return false;
}
