/** Hosts and datagrams for the tests of ip, icmp and udp. */
import { setU16 } from '../../src/core/bytes.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { Icmp } from '../../src/icmp/icmp.ts';
import { parseAddress, parsePrefix } from '../../src/ip/address.ts';
import type { IpAddress, Prefix } from '../../src/ip/address.ts';
import { setIpChecksum, setIpTotalLength, writeIpv4Header } from '../../src/ip/ipv4-wire.ts';
import type { NetworkInterface } from '../../src/ip/interface.ts';
import { Ipv4 } from '../../src/ip/ipv4.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { UdpSendOptions } from '../../src/udp/service.ts';
import { Udp } from '../../src/udp/udp.ts';
import { FakeLink } from './fake-link.ts';

export const T0 = micros(0);

export const addr = (text: string): IpAddress => parseAddress(text)!;
export const prefix = (text: string): Prefix => parsePrefix(text)!;

/** How datagrams are sent unless a program says otherwise. */
export const SEND_OPTIONS: UdpSendOptions = { ttl: 64, tos: 0, mtuDiscover: 1, confirm: false, loop: true };

export interface Host {
  readonly context: Context;
  readonly ip: Ipv4;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly link: FakeLink;
  readonly network: NetworkInterface;
  /** Sends and delivers until nothing is left to do. */
  settle(now?: Micros): void;
}

/** 10.0.0.2/24 with the default gateway 10.0.0.1, ICMP and UDP above. */
export function makeHost(config?: ConfigOverrides): Host {
  const context = makeContext(new SeededRandom(42), config);
  const ip = new Ipv4(context);
  const icmp = new Icmp(context, ip);
  const udp = new Udp(context, ip);
  ip.register(IpProtocol.Icmp, icmp);
  ip.register(IpProtocol.Udp, udp);
  const link = new FakeLink(context);
  const network = ip.addInterface(link);
  ip.addAddress(network, prefix('10.0.0.2/24'), {}, T0);
  ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.0.0.1') });
  const settle = (now = T0): void => {
    for (let round = 0; round < 100 && (ip.pending || udp.pending); round++) {
      udp.poll(now);
      ip.poll(now);
    }
  };
  return { context, ip, icmp, udp, link, network, settle };
}

export interface DatagramParts {
  source?: string;
  destination?: string;
  protocol?: number;
  ttl?: number;
  tos?: number;
  identification?: number;
  /** Flags and offset as they stand in the header. */
  flagsAndOffset?: number;
  /** Padded with zeros to a multiple of four. */
  options?: readonly number[];
  payload?: Uint8Array;
}

/** A datagram with right lengths and header checksum: from 10.0.0.9 to 10.0.0.2, protocol 200, unless told otherwise. */
export function datagram(parts: DatagramParts = {}): Uint8Array {
  const options = parts.options ?? [];
  const headerLength = 20 + Math.ceil(options.length / 4) * 4;
  const payload = parts.payload ?? new Uint8Array(8);
  const bytes = new Uint8Array(headerLength + payload.length);
  writeIpv4Header(bytes, 0, {
    tos: parts.tos ?? 0,
    totalLength: bytes.length,
    identification: parts.identification ?? 0x1234,
    flagsAndOffset: parts.flagsAndOffset ?? 0,
    ttl: parts.ttl ?? 64,
    protocol: parts.protocol ?? 200,
    source: addr(parts.source ?? '10.0.0.9'),
    destination: addr(parts.destination ?? '10.0.0.2'),
  });
  bytes[0] = 0x40 | (headerLength / 4);
  bytes.set(options, 20);
  bytes.set(payload, headerLength);
  setIpChecksum(bytes, 0, headerLength);
  return bytes;
}

/** The same datagram with some octets of its header changed and the checksum made right again. */
export function patched(bytes: Uint8Array, changes: Record<number, number>, fixChecksum = true): Uint8Array {
  const copy = bytes.slice();
  for (const [at, value] of Object.entries(changes)) copy[Number(at)] = value;
  if (fixChecksum) setIpChecksum(copy, 0, Math.max(20, (copy[0]! & 0xf) * 4));
  return copy;
}

/** Datagram with another total length in its header. */
export function withTotalLength(bytes: Uint8Array, length: number): Uint8Array {
  const copy = bytes.slice();
  setIpTotalLength(copy, 0, length);
  setIpChecksum(copy, 0, (copy[0]! & 0xf) * 4);
  return copy;
}

export function u16(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  values.forEach((value, i) => setU16(bytes, i * 2, value));
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
