/**
 * What the AF_UNIX sockets of one stack share.
 */
import type { Credentials } from '../message.ts';
import type { SocketHost } from '../socket.ts';
import type { UnixNamespace } from './namespace.ts';
import type { Rights } from './rights.ts';

export interface UnixHost extends SocketHost {
  readonly namespace: UnixNamespace;
  readonly rights: Rights;
  /** Who the stack's programs are: there is one process, as far as the core knows. */
  readonly credentials: Credentials;
}
