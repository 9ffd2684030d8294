/**
 * RECEIVE when nothing is there to be read: whether more may come. RFC 9293 §3.10.3.
 */
import { Errno } from '../core/errno.ts';
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
