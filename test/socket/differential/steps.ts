/**
 * What a case of the differential test is made of. A step is [call, descriptor name, argument ...], and its result a number (a
 * negative errno for a failure) or, where the call yields more, a list that starts with it.
 *
 *     socket s domain type protocol       socketpair s t domain type protocol       bind, connect s ADDRESS
 *     accept l child                      accept4 l child flags ROOM: [0, ...address]    listen, shutdown s number
 *     send s DATA flags                   sendto s DATA flags ADDRESS               sendmsg s {iov, name, control} flags
 *     recv s SIZE flags: [count, text]    recvfrom s SIZE flags ROOM: [..., ...address]  recvmsg s {iov: [size ...], name: ROOM, control: room, rights: [names]} flags
 *     write s DATA, writev s DATA ...     read s SIZE, readv s size ...             getsockname, getpeername s ROOM: [0, ...address]
 *     setsockopt s level name VALUE       getsockopt s level name FORM: [0, ...]    ioctl s request value, atmark s
 *     fcntl s command value newName       dup s new, dup2 s target, dup3 s target flags    number s base: s less base
 *     poll s: all bits                    poll s bits, poll [[s, bits] ...]: [count, ...bits]
 *     select nfds [r ...] [w ...] [e ...]: [count, ...sets]; nfds null for one more than the highest
 *     epoll_create1 e flags               epoll_ctl e op s events label (events null: NULL)    epoll_wait e most: [count, [label, events] ...]
 *     on 'a' | 'b' (the host of the next socket calls)   drop (privileges)   unlink path   wait milliseconds   close s
 *
 * A descriptor is a name, or a number as it is; a name that nothing has given is no open descriptor. ADDRESS is text, port and maybe
 * a family, or one of {inet: [text, port]}, {unix: path}, {packet: {protocol, interface, hardware}}, {octets: [...]}, null for NULL;
 * with `length` its octets are cut or padded to that many. With a ROOM, which is so many octets, {null: n} for NULL with a length or
 * null for a NULL length, the address that comes is {room: [octet ...], length}, else its record. DATA is text, octets, {size: n} zeros, {null: n} for NULL of that length,
 * {text, length} for a length that is not the text's; SIZE a number, {null: n}, {size, length}. VALUE is ints, null (NULL of an int's
 * length), or one of {null: n}, {octets}, {text}, {linger: [on, s]}, {timeval: [s, us]}, {mreqn: [group, address, interface]},
 * {mreq: [group, address]}, {packetMreq: [interface, type, hardware]}. FORM is how many ints, or 'linger', 'timeval', 'ucred',
 * 'address', 'text', 'octets', 'info' (the state), 'statistics', or {room: n} for the first n octets. Ancillary messages are
 * [name, value ...], ['SCM_RIGHTS', descriptor ...] or ['raw', level, type, octets].
 */

export type Json = null | boolean | number | string | readonly Json[] | Form;

/** A value with a form of its own: {unix: 'name'}. */
export interface Form {
  readonly [key: string]: Json;
}

export type Step = readonly [call: string, ...args: Json[]];

export interface Case {
  /** After the man page's sentence that it shows. No two cases have the same. */
  readonly name: string;
  readonly steps: readonly Step[];
  /** Whether there is a second host: both have an Ethernet interface eth0, and 10.0.0.1/24 or 10.0.0.2/24. */
  readonly peer?: boolean;
  /** Whether IP datagrams are compared without what is different each time (support/masked-datagrams.ts). */
  readonly masked?: boolean;
  /** Whether the order of what one epoll_wait tells is left out: Linux 6.14 has put most packet sockets behind IP, here they are before it. */
  readonly unordered?: boolean;
}

export const one = (name: string, ...steps: Step[]): Case => ({ name, steps });

/** A case with a second host. */
export const two = (name: string, ...steps: Step[]): Case => ({ name, steps, peer: true });
