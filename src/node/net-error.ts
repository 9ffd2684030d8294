/**
 * A failed socket call as an exception, with the properties and the message that Node's own system errors have.
 */
import { Errno, errnoName } from '../core/errno.ts';
import type { ErrnoName } from '../core/errno.ts';
import { parseAddress } from '../ip/address.ts';
import type { Name, SocketAddress } from '../socket/address.ts';

/** e.g. `connect ECONNREFUSED 10.0.0.1:80`. */
export class NetError extends Error {
  override readonly name = 'NetError';
  /** The errno's name, e.g. 'ECONNREFUSED'. */
  readonly code: ErrnoName | 'UNKNOWN';
  /** The errno, negative, as Node has it. */
  readonly errno: number;
  /** The call that failed, e.g. 'connect'. */
  readonly syscall: string;
  /** The address and port that the call named, where it named one; a path is an address, as in Node. */
  readonly address: string | undefined;
  readonly port: number | undefined;

  /**
   * @param errno of either sign
   * @param name the address that the call named; the octets of a struct sockaddr are not looked into
   */
  constructor(syscall: string, errno: number, name?: Name) {
    const code = errnoName(errno);
    const where = name === undefined || name === null || name instanceof Uint8Array ? undefined : describe(name);
    super(`${syscall} ${code}${where === undefined ? '' : ` ${where.text}`}`);
    this.code = code;
    this.errno = -Math.abs(errno);
    this.syscall = syscall;
    this.address = where?.address;
    this.port = where?.port;
  }
}

/** An address in the words of Node's errors. */
function describe(name: SocketAddress): { text: string; address: string | undefined; port: number | undefined } {
  if ('path' in name) return { text: name.path.replaceAll('\0', '@'), address: name.path, port: undefined };
  if ('interfaceIndex' in name) {
    return { text: `interface ${name.interfaceIndex}`, address: name.hardwareAddress, port: undefined };
  }
  return { text: `${name.address}:${name.port}`, address: name.address, port: name.port };
}

/**
 * What to throw when a call that named an address failed because that is no address at all: C has no such text, since inet_pton comes
 * before. Undefined for any other failure.
 */
export function malformed(syscall: string, result: number, name: Name | undefined): TypeError | undefined {
  if (result !== -Errno.EINVAL || name === undefined || name === null) return undefined;
  if (name instanceof Uint8Array || !('port' in name)) return undefined;
  if (parseAddress(name.address) === undefined) {
    return new TypeError(`${syscall}: '${name.address}' is not an IPv4 address of the form a.b.c.d`);
  }
  if (Number.isInteger(name.port) && name.port >= 0 && name.port <= 0xffff) return undefined;
  return new TypeError(`${syscall}: ${name.port} is not a port from 0 to 65535`);
}
