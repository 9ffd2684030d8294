/**
 * Options at IPPROTO_IP, and ICMP_FILTER. ip(7), raw(7); net/ipv4/ip_sockglue.c.
 */
import type { Config } from '../../core/config.ts';
import { Errno } from '../../core/errno.ts';
import { composeOptions } from '../../ip/send-options.ts';
import type { MtuDiscover } from '../../ip/service.ts';
import * as c from '../constants.ts';
import { ANY_INT, INT_MAX, INT_MIN, at, flag, int, octetsToInt, readOnly, record } from './option.ts';
import type { Socket } from '../socket.ts';
import type { OptionInput, OptionRow } from './option.ts';

const ip = at(c.IPPROTO_IP, 'inet');

/** SO_PRIORITY after a change of IP_TOS, by its low delay and throughput bits. Linux ip_tos2prio. */
const PRIORITIES = [0, 2, 6, 4];

export function ipRows(config: Config): readonly OptionRow[] {
  const { defaultTtl } = config.ip;
  return [
    int(
      ip('IP_TTL', c.IP_TTL),
      [-1, 255],
      (socket) => socket.options.ttl,
      (socket, value) =>
        value === 0 ? -Errno.EINVAL : socket.changeOptions({ ttl: value === -1 ? defaultTtl : value }),
    ),
    // The ECN bits belong to TCP on a stream: a program cannot set them. RFC 3168 §6.1.
    int(
      ip('IP_TOS', c.IP_TOS),
      ANY_INT,
      (socket) => socket.options.tos,
      (socket, value) => {
        const { kind, options } = socket;
        const tos = kind === 'stream' ? (value & 0xfc) | (options.tos & 0x03) : value & 0xff;
        return tos === options.tos ? 0 : socket.changeOptions({ tos, priority: PRIORITIES[(tos >> 3) & 0x3]! });
      },
    ),
    record(
      ip('IP_OPTIONS', c.IP_OPTIONS),
      'IP options',
      (socket) => socket.tcpOptions?.ipOptions ?? socket.options.ipOptions,
      readOptions,
      (socket, ipOptions) => socket.changeOptions({ ipOptions }),
    ),
    flag(ip('IP_RECVOPTS', c.IP_RECVOPTS), 'receiveIpOptions'),
    flag(ip('IP_RETOPTS', c.IP_RETOPTS), 'returnIpOptions'),
    {
      ...int(
        ip('IP_HDRINCL', c.IP_HDRINCL),
        ANY_INT,
        (socket) => Number(socket.options.headerIncluded),
        (socket, value) =>
          socket.kind === 'raw' ? socket.changeOptions({ headerIncluded: value !== 0 }) : -Errno.ENOPROTOOPT,
      ),
      type: 'flag',
    },
    flag(ip('IP_BIND_ADDRESS_NO_PORT', c.IP_BIND_ADDRESS_NO_PORT), 'bindAddressNoPort'),
    flag(ip('IP_RECVERR', c.IP_RECVERR), 'receiveErrors'),
    flag(ip('IP_RECVTTL', c.IP_RECVTTL), 'receiveTtl'),
    flag(ip('IP_RECVTOS', c.IP_RECVTOS), 'receiveTos'),
    flag(ip('IP_PKTINFO', c.IP_PKTINFO), 'receivePacketInfo'),
    notEmpty(flag(ip('IP_FREEBIND', c.IP_FREEBIND), 'freeBind')),
    notEmpty(transparent(config.socket)),
    int(
      ip('IP_MTU_DISCOVER', c.IP_MTU_DISCOVER),
      [c.IP_PMTUDISC_DONT, c.IP_PMTUDISC_OMIT],
      (socket) => socket.options.mtuDiscover,
      (socket, value) => socket.changeOptions({ mtuDiscover: value as MtuDiscover }),
    ),
    readOnly(ip('IP_MTU', c.IP_MTU), (socket) => socket.pathMtu()),
    record(
      at(c.SOL_RAW, 'icmp')('ICMP_FILTER', c.ICMP_FILTER),
      'int',
      (socket) => socket.options.icmpFilter >>> 0,
      (input) => (input instanceof Uint8Array || isInt(input) ? input : undefined),
      setFilter,
    ),
  ];
}

/** The options that a program gives as octets, or as the int that those make. */
function readOptions(input: Exclude<OptionInput, null>): Uint8Array | undefined {
  if (input instanceof Uint8Array) return composeOptions(input);
  if (typeof input !== 'number' || !Number.isInteger(input)) return undefined;
  return composeOptions(Uint8Array.of(input, input >>> 8, input >>> 16, input >>> 24));
}

const isInt = (input: OptionInput): input is number =>
  typeof input === 'number' && Number.isInteger(input) && input >= INT_MIN && input <= INT_MAX;

/** Octets that are not given stay as they were. Linux raw_seticmpfilter. */
function setFilter(socket: Socket, value: number | Uint8Array): number {
  if (typeof value === 'number') return socket.changeOptions({ icmpFilter: value });
  const octets = new Uint8Array(Int32Array.of(socket.options.icmpFilter).buffer);
  octets.set(value.subarray(0, octets.length));
  return socket.changeOptions({ icmpFilter: octetsToInt(octets, 0)! });
}

/** For everybody to switch off, and for who may administer to switch on. */
const transparent = (rights: Config['socket']): OptionRow => ({
  ...int(
    ip('IP_TRANSPARENT', c.IP_TRANSPARENT),
    ANY_INT,
    (socket) => Number(socket.options.transparent),
    (socket, value) =>
      value !== 0 && !rights.mayAdminister ? -Errno.EPERM : socket.changeOptions({ transparent: value !== 0 }),
  ),
  type: 'flag',
});

/** Other options of the level read no octets at all as 0. */
const notEmpty = (row: OptionRow): OptionRow => ({
  ...row,
  set: (socket, input) => (input instanceof Uint8Array && input.length === 0 ? -Errno.EINVAL : row.set!(socket, input)),
});
