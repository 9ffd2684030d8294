/**
 * What IP_MTU_DISCOVER makes of a datagram: how long it may be, and whether it carries DF. ip(7); net/ipv4/ip_output.c.
 */
import { IPV4_MAX_LENGTH } from './ipv4-wire.ts';
import { MtuDiscover } from './service.ts';
import type { OutputOptions, Path } from './service.ts';

/** Octets of the longest datagram that leaves in one piece, as far as the program wants to know. */
export const mtuFor = (path: Path, mtuDiscover: MtuDiscover): number =>
  mtuDiscover >= MtuDiscover.Probe ? path.interfaceMtu : path.mtu;

/** Octets of the longest datagram that may be sent at all; a longer one is EMSGSIZE. */
export function longestDatagram(path: Path, mtuDiscover: MtuDiscover): number {
  const mayBeCut = mtuDiscover <= MtuDiscover.Want || mtuDiscover === MtuDiscover.Omit;
  return mayBeCut ? IPV4_MAX_LENGTH : mtuFor(path, mtuDiscover);
}

/** Says in `options` how a datagram of `length` octets is to be sent; returns whether it leaves in one piece. */
export function applyMtuDiscover(
  options: OutputOptions,
  path: Path,
  length: number,
  mtuDiscover: MtuDiscover,
): boolean {
  const fits = length <= mtuFor(path, mtuDiscover);
  options.beyondPathMtu = mtuDiscover >= MtuDiscover.Probe;
  options.dontFragment =
    mtuDiscover === MtuDiscover.Do || mtuDiscover === MtuDiscover.Probe || (fits && mtuDiscover === MtuDiscover.Want);
  return fits;
}
