/**
 * The options of socket(7) and ip(7) that concern TCP, in TCP's terms.
 */
import { changed } from '../../core/shared-records.ts';
import { SECOND } from '../../core/time.ts';
import type { TcpOptions } from '../../tcp/service.ts';
import { defaultOptions } from '../socket.ts';
import type { CommonOptions, SocketHost } from '../socket.ts';

/** What of a change to the common options concerns TCP, in TCP's terms. */
export function tcpPart(before: CommonOptions, changes: Partial<CommonOptions>): Partial<TcpOptions> {
  const part: Partial<TcpOptions> = {};
  if (changes.keepalive !== undefined) part.keepalive = changes.keepalive;
  if (changes.oobInline !== undefined) part.oobInline = changes.oobInline;
  if (changes.sendBuffer !== undefined) {
    part.sendBuffer = changes.sendBuffer / 2;
    part.tuneSend = false;
  }
  if (changes.receiveBuffer !== undefined) {
    part.receiveBuffer = changes.receiveBuffer / 2;
    part.tuneReceive = false;
  }
  if (changes.receiveLowWater !== undefined) part.receiveLowWater = changes.receiveLowWater;
  if (changes.reusePort !== undefined) part.reusePort = changes.reusePort;
  if (changes.boundDevice !== undefined) part.boundDevice = changes.boundDevice;
  if (changes.ttl !== undefined) part.ttl = changes.ttl;
  if (changes.tos !== undefined) part.tos = changes.tos;
  if (changes.ipOptions !== undefined) part.ipOptions = changes.ipOptions;
  if (changes.receiveErrors !== undefined) part.receiveErrors = changes.receiveErrors;
  if (changes.lingerOn !== undefined) {
    const seconds = changes.lingerSeconds ?? before.lingerSeconds;
    part.linger = changes.lingerOn ? seconds * SECOND : undefined;
  }
  return part;
}

/** The common options of a new stream socket: its buffers are those of TCP. */
export const streamOptions = (host: SocketHost, { sendBuffer, receiveBuffer }: TcpOptions): CommonOptions => ({
  ...defaultOptions(host),
  sendBuffer: 2 * sendBuffer,
  receiveBuffer: 2 * receiveBuffer,
});

/** What an accepted socket has of its listener's options: all but the priority. Linux sk_clone. */
export const acceptedOptions = (options: Readonly<CommonOptions>): Readonly<CommonOptions> =>
  changed(options, { priority: 0 });

/** The same for TCP's: all but those that are about listening. */
export const acceptedTcpOptions = (options: Readonly<TcpOptions>): Readonly<TcpOptions> =>
  changed(options, { deferAccept: 0, fastOpen: 0 });

/** SO_RCVLOWAT is at most what the receive buffer can hold. Linux tcp_set_rcvlowat. */
export const boundLowWater = (
  changes: Partial<CommonOptions>,
  { receiveBuffer }: TcpOptions,
): Partial<CommonOptions> =>
  changes.receiveLowWater === undefined
    ? changes
    : { ...changes, receiveLowWater: Math.min(changes.receiveLowWater, receiveBuffer) };
