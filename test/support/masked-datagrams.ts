/**
 * IP datagrams as the results of the differential test have them, in the texts of raw and packet sockets: what is different each
 * time is masked, so that the rest can be compared.
 */
import type { Json } from '../socket/differential/steps.ts';

export const DOTTED = /^\d+\.\d+\.\d+\.\d+$/;
/** Octets of Ethernet's header. */
const ETHERNET = 14;
const ETH_P_IP = 0x0800;

/** Where in the text of a result the header of an IP datagram is, which raw and packet sockets show: -1 for none. */
export function headerIn([, text, from, port]: readonly Json[]): number {
  if (typeof text !== 'string') return -1;
  // What has no port is of a raw socket.
  if (typeof from === 'string') return DOTTED.test(from) && port === 0 ? 0 : -1;
  const { packet } = (from ?? {}) as { readonly packet?: { readonly protocol: number } };
  if (packet?.protocol !== ETH_P_IP) return -1;
  return text.charCodeAt(0) === FIRST_OCTET ? 0 : ETHERNET;
}

/** Version 4, a header without options. */
const FIRST_OCTET = 0x45;
const [ICMP, UDP] = [1, 17];
const UNREACHABLE = 3;

/**
 * A datagram without what is different each time: its identification, ephemeral ports and the checksums. UDP's is the kernel's
 * business on the loopback, complete or not. Of an ICMP error also what it quotes, and the TOS: it is zero (1122-3.2.2-e), in Linux
 * one of routers.
 */
export function maskDatagram(text: string, at: number): string {
  if (text.charCodeAt(at) !== FIRST_OCTET) return text;
  const protocol = text.charCodeAt(at + 9);
  const payload = at + 20;
  let masked = mask(mask(text, at + 4), at + 10);
  if (protocol === ICMP) {
    if (text.charCodeAt(payload) === UNREACHABLE) masked = mask(masked, at + 1, 1);
    return maskDatagram(mask(masked, payload + 2), payload + 8);
  }
  if (protocol !== UDP) return masked;
  for (const port of [payload, payload + 2]) if (isChosen(getTwo(text, port))) masked = mask(masked, port);
  return mask(masked, payload + 6);
}

const getTwo = (text: string, at: number): number => text.charCodeAt(at) * 256 + text.charCodeAt(at + 1);

const mask = (text: string, at: number, octets = 2): string =>
  text.length < at + octets ? text : `${text.slice(0, at)}${'*'.repeat(octets)}${text.slice(at + octets)}`;

/** Whether a port is one of those that the host chooses from. */
export const isChosen = (port: number): boolean => port >= 32768 && port <= 60999;
