/**
 * A failed socket call as an exception, with the properties and the message that Node's own system errors have.
 */
import { errnoName } from '../core/errno.ts';
import type { ErrnoName } from '../core/errno.ts';
import type { SocketAddress } from '../socket/address.ts';

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

  /** @param errno of either sign */
  constructor(syscall: string, errno: number, name?: SocketAddress) {
    const code = errnoName(errno);
    const where = name === undefined ? undefined : describe(name);
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
  if ('interfaceIndex' in name)
    return { text: `interface ${name.interfaceIndex}`, address: undefined, port: undefined };
  return { text: `${name.address}:${name.port}`, address: name.address, port: name.port };
}
