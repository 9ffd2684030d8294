/**
 * SO_LINGER with a time: "a close(2) or shutdown(2) will not return until all queued messages for the socket have been successfully sent or
 * the linger timeout has been reached". socket(7); close it is, on Linux. The core only tells when the end is there, see SocketCalls.linger.
 */
import { Readiness } from '../../tcp/service.ts';
import type { TcpConnection } from '../../tcp/service.ts';
import { Watch } from '../readiness.ts';
import type { ReadinessQueue } from '../readiness.ts';

/** In these states our FIN is not acknowledged. Linux sk_stream_closing. */
const isClosing = ({ state }: TcpConnection): boolean =>
  state === 'FIN-WAIT-1' || state === 'CLOSING' || state === 'LAST-ACK' || state === 'SYN-RECEIVED';

/** Whether close would have something to wait for: not when it resets, since octets are unread. */
export function waitsForEnd(connection: TcpConnection): boolean {
  const { state, unread } = connection;
  if (state === 'CLOSING' || state === 'LAST-ACK') return true;
  return unread === 0 && (state === 'ESTABLISHED' || state === 'CLOSE-WAIT' || isClosing(connection));
}

/** Has `done` run, from `deliver`, once all that was sent on the closed connection is acknowledged, or it is over. */
export function watchEnd(queue: ReadinessQueue, connection: TcpConnection, done: () => void): void {
  const watch = new Watch(queue, { readiness: () => (isClosing(connection) ? 0 : Readiness.HangUp) });
  connection.owner = watch;
  watch.wait(Readiness.HangUp, done);
}
