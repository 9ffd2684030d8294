/**
 * What goes with the octets: descriptors and credentials. unix(7), "Ancillary messages"; net/core/scm.c.
 */
import { Errno } from '../../core/errno.ts';
import { SCM_CREDENTIALS, SOL_SOCKET } from '../constants.ts';
import type { OpenFile } from '../file.ts';
import { NO_ID } from '../message.ts';
import type { Credentials, Incoming, Outgoing } from '../message.ts';
import type { Parcel, UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';

/** What a message was sent with. */
export interface Ancillary {
  readonly rights: readonly OpenFile[];
  /** Undefined unless the program said some. */
  readonly credentials: Credentials | undefined;
}

const NOTHING: Ancillary = { rights: [], credentials: undefined };

/** The credentials of a message that was sent when nobody wanted any: no process, and the "overflow" ids. */
const UNKNOWN: Credentials = { pid: 0, uid: 65534, gid: 65534 };

/** What comes with the end of a stream. */
const OF_THE_END: Credentials = { pid: 0, uid: 0, gid: 0 };

/** Reads what is to go with a message: -EBADF, -EINVAL for what AF_UNIX does not know, -EPERM and -ESRCH for credentials. */
export function readAncillary(host: UnixHost, outgoing: Outgoing | undefined): Ancillary | number {
  if (outgoing === undefined) return NOTHING;
  const { rights, control } = outgoing;
  if (typeof rights === 'number') return rights;
  let credentials: Credentials | undefined = undefined;
  for (const message of control) {
    if (message.level !== SOL_SOCKET) continue;
    if (message.type !== SCM_CREDENTIALS || !isCredentials(message.data)) return -Errno.EINVAL;
    credentials = { pid: message.data.pid, uid: message.data.uid >>> 0, gid: message.data.gid >>> 0 };
    const refused = checkCredentials(host, credentials);
    if (refused < 0) return refused;
  }
  return { rights, credentials };
}

/** A program without types may have given octets. */
const isCredentials = (data: object): data is Credentials => 'pid' in data;

function checkCredentials({ credentials, context }: UnixHost, said: Credentials): number {
  const { pid, uid, gid } = credentials;
  const isOwn = said.pid === pid && said.uid === uid && said.gid === gid;
  if (!isOwn && !context.config.socket.mayAdminister) return -Errno.EPERM;
  // Differs: of the processes that there are on this machine, the stack knows its own program only.
  if (said.pid !== pid) return -Errno.ESRCH;
  return said.uid === NO_ID || said.gid === NO_ID ? -Errno.EINVAL : 0;
}

/** The credentials of a message: those that the program said, else its own if either side wants any. unix_maybe_add_creds. */
export function credentialsFor(
  host: UnixHost,
  from: UnixEnd,
  to: UnixEnd,
  said: Credentials | undefined,
): Credentials | undefined {
  if (said !== undefined) return said;
  // Nobody can have asked yet for a connection that waits to be accepted.
  return from.options.passCredentials || to.options.passCredentials || to.embryo ? host.credentials : undefined;
}

/** Whether two messages come from the same writer, and a read may go from one to the other. unix_skb_scm_eq. */
export function sameWriter(one: Parcel, other: Parcel): boolean {
  const a = one.credentials ?? UNKNOWN;
  const b = other.credentials ?? UNKNOWN;
  return a.pid === b.pid && a.uid === b.uid && a.gid === b.gid;
}

/**
 * Hands the credentials of a message to a receiver that has SO_PASSCRED.
 * @param parcel undefined at the end of a stream
 */
export function tellCredentials(end: UnixEnd, parcel: Parcel | undefined, incoming: Incoming): void {
  if (!end.options.passCredentials) return;
  const data = parcel === undefined ? OF_THE_END : (parcel.credentials ?? UNKNOWN);
  incoming.control.push({ level: SOL_SOCKET, type: SCM_CREDENTIALS, data });
}

/** Hands the files of a message to its receiver, who may not want them. */
export function takeRights(host: UnixHost, parcel: Parcel, incoming: Incoming | undefined, peek: boolean): void {
  const { rights } = parcel;
  if (rights === undefined) return;
  if (peek) {
    if (incoming !== undefined) host.rights.duplicate(rights, incoming.rights);
    return;
  }
  parcel.rights = undefined;
  if (incoming === undefined) host.rights.discard(rights);
  else host.rights.receive(rights, incoming.rights);
}
