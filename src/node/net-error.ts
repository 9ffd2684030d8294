/**
 * A failed socket call as an exception, with the properties and the message that Node's own system errors have.
 */
import { errnoName } from '../core/errno.ts';
import type { ErrnoName } from '../core/errno.ts';

/** e.g. `connect ECONNREFUSED 10.0.0.1:80`. */
export class NetError extends Error {
  override readonly name = 'NetError';
  /** The errno's name, e.g. 'ECONNREFUSED'. */
  readonly code: ErrnoName | 'UNKNOWN';
  /** The errno, negative, as Node has it. */
  readonly errno: number;
  /** The call that failed, e.g. 'connect'. */
  readonly syscall: string;
  /** The address and port that the call named, where it named one. */
  readonly address: string | undefined;
  readonly port: number | undefined;

  /** @param errno of either sign */
  constructor(syscall: string, errno: number, endpoint?: { readonly address: string; readonly port: number }) {
    const code = errnoName(errno);
    super(`${syscall} ${code}${endpoint === undefined ? '' : ` ${endpoint.address}:${endpoint.port}`}`);
    this.code = code;
    this.errno = -Math.abs(errno);
    this.syscall = syscall;
    this.address = endpoint?.address;
    this.port = endpoint?.port;
  }
}
