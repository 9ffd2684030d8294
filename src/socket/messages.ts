/**
 * sendmsg and recvmsg on a socket: pieces are gathered and spread, SCM_RIGHTS names descriptors here and files further in.
 */
import { Errno } from '../core/errno.ts';
import { MAX_NAME } from './address.ts';
import type { Name, NameOut } from './address.ts';
import { MSG_CMSG_CLOEXEC, MSG_CTRUNC, SCM_RIGHTS, SOL_SOCKET } from './constants.ts';
import type { OpenFile, OpenFiles } from './file.ts';
import { gather, handOver, iovLength, makeIncoming, scatter } from './message.ts';
import type { ControlMessage, Message } from './message.ts';
import { isNowhere, makeRecord, storeSender, wantsOctets } from './name-octets.ts';
import type { Socket } from './socket.ts';
import type { DescriptorTable } from './table.ts';

/** Descriptors in one message at most. SCM_MAX_FD. */
const MAX_RIGHTS = 253;

export function sendMessage(
  table: DescriptorTable<OpenFile>,
  files: OpenFiles,
  socket: Socket,
  { name, iov, control = [] }: Message,
  flags: number,
): number {
  const length = iovLength(iov);
  if (length < 0) return length;
  const rights = filesOf(table, control);
  const rest = control.filter((message) => !isRights(message));
  const held = typeof rights === 'number' ? [] : rights;
  for (const file of held) files.hold(file);
  const outgoing = { name: nameOf(name), control: rest, rights };
  const sent = socket.send(gather(iov, length), 0, length, flags, outgoing);
  // The socket holds for itself what it has queued.
  for (const file of held) files.release(file);
  return sent;
}

/** Reused by recvfrom: calls do not nest. */
const plain = makeIncoming();

/** recvfrom: octets and the sender; what else comes with them is thrown away. */
export function receiveFrom(
  files: OpenFiles,
  socket: Socket,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  from: NameOut,
): number {
  const asOctets = wantsOctets(from);
  const record = asOctets ? makeRecord() : from;
  plain.name = record;
  const received = socket.receive(into, at, length, flags, plain);
  plain.name = undefined;
  plain.flags = 0;
  plain.control.length = 0;
  for (const file of plain.rights.splice(0)) files.release(file);
  const told = asOctets && received >= 0 ? storeSender(record, from) : 0;
  return told < 0 ? told : received;
}

export function receiveMessage(
  table: DescriptorTable<OpenFile>,
  files: OpenFiles,
  socket: Socket,
  message: Message,
  flags: number,
): number {
  const from = nameOutOf(message.name);
  if (from !== undefined && (from.length ?? 0) < 0) return -Errno.EINVAL;
  const length = iovLength(message.iov);
  if (length < 0) return length;
  const direct = message.iov.length === 1;
  const into = direct ? message.iov[0]! : new Uint8Array(length);
  const incoming = makeIncoming();
  const asOctets = from !== undefined && wantsOctets(from);
  incoming.name = asOctets ? makeRecord() : from;
  const received = socket.receive(into, 0, length, flags, incoming);
  if (received < 0) return received;
  if (!direct) scatter(into, Math.min(received, length), message.iov);
  // Linux tells of this flag what it was told.
  message.flags = incoming.flags | (flags & MSG_CMSG_CLOEXEC);
  const room = handOver(incoming.control, message);
  if (incoming.rights.length > 0) openRights(table, files, incoming.rights, message, room, flags);
  const told = asOctets ? storeSender(incoming.name!, from) : 0;
  return told < 0 ? told : received;
}

/** Where the sender goes, undefined for nowhere. */
function nameOutOf(name: Message['name']): NameOut | undefined {
  if (name === undefined || name === null || name instanceof Uint8Array) return undefined;
  return isNowhere(name) ? undefined : name;
}

/** Octets beyond the longest address are not read, and none are no address. net/socket.c, __copy_msghdr. */
function nameOf(name: Message['name']): Name | undefined {
  if (name instanceof Uint8Array) return name.length === 0 ? undefined : name.subarray(0, MAX_NAME);
  return (name ?? undefined) as Name | undefined;
}

const isRights = ({ level, type }: ControlMessage): boolean => level === SOL_SOCKET && type === SCM_RIGHTS;

/** The files that the SCM_RIGHTS messages name: -EBADF, -EINVAL for too many. */
function filesOf(table: DescriptorTable<OpenFile>, control: readonly ControlMessage[]): OpenFile[] | number {
  const rights: OpenFile[] = [];
  for (const message of control) {
    if (message.level !== SOL_SOCKET || message.type !== SCM_RIGHTS) continue;
    for (const fd of message.data) {
      const file = table.get(fd);
      if (file === undefined) return -Errno.EBADF;
      rights.push(file);
    }
    if (rights.length > MAX_RIGHTS) return -Errno.EINVAL;
  }
  return rights;
}

/** Octets of a CMSG header, and of each descriptor after it. */
const HEADER = 16;
const DESCRIPTOR = 4;

/** Gives the files that came descriptors, as far as there is room for them in message and table; the rest is closed. unix(7). */
function openRights(
  table: DescriptorTable<OpenFile>,
  files: OpenFiles,
  rights: readonly OpenFile[],
  message: Message,
  room: number,
  flags: number,
): void {
  const most = Math.max(0, Math.floor((room - HEADER) / DESCRIPTOR));
  const fds: number[] = [];
  for (const file of rights) {
    const fd = fds.length < most ? table.open(file, (flags & MSG_CMSG_CLOEXEC) !== 0) : -1;
    if (fd < 0) break;
    fds.push(fd);
  }
  // Held by their descriptors now, those that got one.
  for (const file of rights) files.release(file);
  if (fds.length < rights.length) message.flags = (message.flags ?? 0) | MSG_CTRUNC;
  if (fds.length > 0) message.control!.push({ level: SOL_SOCKET, type: SCM_RIGHTS, data: fds });
}
