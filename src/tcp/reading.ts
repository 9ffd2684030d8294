/**
 * RECEIVE beside the plain case: when nothing is there to be read, and of urgent data. RFC 9293 §3.10.3, §3.8.5.
 */
import { Errno } from '../core/errno.ts';
import type { Receiver } from './receiver.ts';
import type { TcpState } from './service.ts';

/** 0 at the end of the stream, -EAGAIN while more may come, -ENOTCONN when there never was a connection (`wasEstablished`). */
export function nothingToRead(state: TcpState, wasEstablished: boolean): number {
  switch (state) {
    case 'CLOSED':
      return wasEstablished ? 0 : -Errno.ENOTCONN;
    case 'CLOSE-WAIT':
    case 'CLOSING':
    case 'LAST-ACK':
    case 'TIME-WAIT':
      return 0;
    default:
      return -Errno.EAGAIN;
  }
}

/** MSG_OOB. Linux tcp_recv_urg, case by case; `over`: nothing more is received. */
export function readUrgent(
  receiver: Receiver,
  state: TcpState,
  over: boolean,
  into: Uint8Array,
  at: number,
  length: number,
  peek: boolean,
): number {
  const mark = receiver.urgent;
  if (receiver.urgentInline || mark === undefined || mark.state === 'taken') return -Errno.EINVAL;
  if (state === 'CLOSED' && !receiver.ended) return -Errno.ENOTCONN;
  if (mark.state === 'here') {
    if (!peek) mark.state = 'taken';
    if (length > 0) into[at] = mark.octet;
    return Math.min(length, 1);
  }
  return state === 'CLOSED' || over || receiver.ended ? 0 : -Errno.EAGAIN;
}
