/**
 * Steps that the files on AF_PACKET have in common. Protocols are in host byte order in steps.
 */
import { AF_PACKET, SOCK_DGRAM, SOCK_RAW } from '../../../src/socket/constants.ts';
import type { Form, Step } from './steps.ts';

/** EtherTypes that IEEE 802 keeps for experiments. */
export const EXPERIMENT = 0x88b5;
export const OTHER = 0x88b6;
export const ZERO = '00:00:00:00:00:00';
export const STRANGER = '02:00:00:00:00:77';
export const TWO = '02:00:00:00:00:02';

export const raw = (name: string, protocol = 0): Step => ['socket', name, AF_PACKET, SOCK_RAW, protocol];
export const cooked = (name: string, protocol = 0): Step => ['socket', name, AF_PACKET, SOCK_DGRAM, protocol];
export const lo = (protocol = EXPERIMENT, hardware = ZERO): Form => ({
  packet: { protocol, interface: 'lo', hardware },
});
export const eth = (protocol = EXPERIMENT, hardware = TWO): Form => ({
  packet: { protocol, interface: 'eth0', hardware },
});
export const any = (protocol: number): Form => ({ packet: { protocol } });
/** The octets of struct sockaddr_ll, with an address of `halen` octets and of `length` octets in all. */
export const sockaddr = (halen: number, length = 20, family = AF_PACKET): Form => ({
  octets: [family, 0, 0x88, 0xb5, 1, 0, 0, 0, 0, 0, 0, halen, 0, 0, 0, 0, 0, 0, 0, 0],
  length,
});

const mac = (text: string): number[] => text.split(':').map((pair) => Number.parseInt(pair, 16));
export const frame = (destination: string, source: string, type: number, ...payload: number[]): number[] => [
  ...mac(destination),
  ...mac(source),
  type >> 8,
  type & 255,
  ...payload,
];
/** A frame on the loopback, whose header is all zeros but for the type. */
export const loFrame = (type: number, ...payload: number[]): number[] => frame(ZERO, ZERO, type, ...payload);
export const HELLO = [0x68, 0x65, 0x6c, 0x6c, 0x6f];

/** So many frames, with where they came from. */
export const receive = (name: string, times = 1): Step[] =>
  Array.from({ length: times }, () => ['recvfrom', name, 2000]);
