/**
 * The local port of one socket: what the program bound outlives a connection, what was chosen for it goes with what it was
 * chosen for. bind(2), ip(7).
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { Binding } from './ports.ts';
import type { PortTable, Sharing } from './ports.ts';

export class LocalPort {
  readonly #ports: PortTable;
  /** While the socket (and not a connection that outlives it) holds a port. */
  binding: Binding | undefined = undefined;
  /** Whether the program chose the port. */
  bound = false;
  /** The address that it chose. */
  boundAddress: IpAddress = ANY_ADDRESS;

  constructor(ports: PortTable) {
    this.#ports = ports;
  }

  /** Takes an address and port; port 0 is any. Returns the port, or -EADDRINUSE. */
  reserve(address: IpAddress, port: number, sharing: Sharing): number {
    const chosen = port === 0 ? this.#ports.pickToBind(address, sharing) : port;
    if (chosen === undefined) return -Errno.EADDRINUSE;
    const wanted = new Binding(address, chosen, sharing, true);
    if (this.#ports.conflicts(wanted)) return -Errno.EADDRINUSE;
    this.hold(wanted);
    return chosen;
  }

  /** Takes a port without asking; `explicit` says whether it was bound, not chosen for a connection. */
  holdFor(address: IpAddress, port: number, sharing: Sharing, explicit: boolean): void {
    this.hold(new Binding(address, port, sharing, explicit));
  }

  drop(): void {
    if (this.binding !== undefined) this.#ports.remove(this.binding);
    this.binding = undefined;
  }

  /** A port that the program did not choose goes; one that it chose is bound to its address again. */
  dropUnbound(): void {
    if (!this.bound) this.drop();
    else if (this.binding !== undefined) this.binding.address = this.boundAddress;
  }

  /** The options have changed, maybe those that `sharing` has. */
  share(sharing: Sharing): void {
    if (this.binding !== undefined) this.binding.sharing = sharing;
  }

  private hold(binding: Binding): void {
    this.#ports.add(binding);
    this.binding = binding;
  }
}
