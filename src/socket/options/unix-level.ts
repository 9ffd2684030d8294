/**
 * Options of AF_UNIX sockets, which for historical reasons are at SOL_SOCKET. unix(7).
 *
 * Left out: SO_PEERSEC, for want of a security module (ENOPROTOOPT, as Linux without one says), and what unix(7) does not
 * tell of: SO_PASSPIDFD, SO_PEERPIDFD, SO_PEERGROUPS, SO_PASSRIGHTS.
 */
import * as c from '../constants.ts';
import { NO_CREDENTIALS } from '../message.ts';
import { at, flag, readOnlyRecord } from './option.ts';
import type { OptionRow } from './option.ts';

const sol = at(c.SOL_SOCKET, 'unix');

export const unixRows: readonly OptionRow[] = [
  flag(sol('SO_PASSCRED', c.SO_PASSCRED), 'passCredentials'),
  flag(sol('SO_PASSSEC', c.SO_PASSSEC), 'passSecurity'),
  // Any socket may be asked for it; on others there is never a peer that is known.
  readOnlyRecord(
    { ...sol('SO_PEERCRED', c.SO_PEERCRED), on: 'any' },
    'struct ucred',
    (socket) => socket.peerCredentials ?? NO_CREDENTIALS,
  ),
];
