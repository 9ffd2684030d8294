/**
 * A host in real time: a stack, the driver that turns its crank, and sockets with promises. This is what programs start with.
 */
import { errnoName, errnoText } from '../core/errno.ts';
import { CryptoRandom } from '../core/random.ts';
import { ANY_ADDRESS, formatAddress, formatPrefix } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { Driver, MonotonicClock } from '../stack/driver.ts';
import { takeSnapshot } from '../stack/snapshot.ts';
import type { Snapshot } from '../stack/snapshot.ts';
import { Stack } from '../stack/stack.ts';
import { readOptions } from './host-options.ts';
import type { HostOptions, InterfacePlan, NetworkPlan } from './host-options.ts';
import { Sockets } from './sockets.ts';

/**
 * Starts a host and resolves once its addresses may be used (at once, unless `probe` is set). Without a link it has nobody but
 * itself to speak to, on 127.0.0.1. What was wrong with the options leaves their links open; a failure after that closes them.
 *
 * @throws TypeError for an option that cannot be read, naming it; RangeError for a tunable out of range; Error when a probed
 * address turns out to be taken.
 */
export async function createHost(options: HostOptions = {}): Promise<Host> {
  const plan = readOptions(options);
  const host = new Host(options);
  try {
    await host.configure(plan);
  } catch (error) {
    host.close();
    throw error;
  }
  return host;
}

export class Host implements AsyncDisposable {
  readonly #clock = new MonotonicClock();
  /** Addresses that are being probed, with whom to tell how it ended. */
  readonly #awaited = new Map<IpAddress, (usable: boolean) => void>();
  readonly stack: Stack;
  readonly driver: Driver;
  /** The socket calls with promises; destructure what is needed. */
  readonly sockets: Sockets;

  /** @internal Use `createHost`. */
  constructor(options: HostOptions) {
    const { random = new CryptoRandom(), config = {}, congestion = {} } = options;
    this.stack = new Stack({ random, config, congestion });
    const deliver = (): number => this.stack.calls.deliver();
    this.driver = new Driver(this.stack, [], this.#clock, { ...options.driver, deliver });
    this.stack.calls.onWork = () => this.driver.kick();
    this.sockets = new Sockets(this.stack.calls);
    this.driver.start();
  }

  /** Every interface, neighbour, route, socket, connection and counter as plain data. */
  snapshot(): Snapshot {
    return takeSnapshot(this.stack, this.#clock.now());
  }

  /**
   * Ends the host at once: calls that wait reject with ECANCELED, later ones with EBADF (`socket` with ENETDOWN), connections
   * vanish without a word, links are closed. Nothing of the host keeps the process alive afterwards. Twice is allowed.
   */
  close(): void {
    this.#closeSockets();
    this.driver.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /**
   * Ends the host politely: sockets are closed, and what was queued has `patience` milliseconds to be sent (and on connections
   * acknowledged) before everything is dropped. `await using` does this with the default.
   */
  async shutdown(patience = 1000): Promise<void> {
    this.#closeSockets();
    const end = performance.now() + patience;
    while (!this.driver.closed && this.#unfinished() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.driver.close();
  }

  #closeSockets(): void {
    this.sockets.closeAll();
    this.stack.calls.end();
  }

  /** Whether something is still to be sent, or heard on a connection; one in TIME-WAIT only waits. */
  #unfinished(): boolean {
    const { stack } = this;
    if (stack.pending || stack.ports.some(({ ethernet }) => ethernet.neighbors.waiting > 0)) return true;
    for (const connection of stack.tcp.connections()) if (connection.state !== 'TIME-WAIT') return true;
    return false;
  }

  /** @internal Adds the planned interfaces and resolves when their addresses may be used. */
  async configure({ interfaces, gateway }: NetworkPlan): Promise<void> {
    const settled = interfaces.flatMap((plan) => this.#addInterface(plan));
    await Promise.all(settled);
    if (gateway !== undefined) {
      check('gateway', this.stack.ip.addRoute({ destination: { address: ANY_ADDRESS, length: 0 }, gateway }));
    }
  }

  #addInterface(plan: InterfacePlan): Promise<void>[] {
    const { ip } = this.stack;
    const port = this.stack.addLink(plan.link, plan.mac);
    const { network, link } = this.stack.ports[port]!;
    ip.onAddressSettled = (address, usable) => {
      this.#awaited.get(address)?.(usable);
      this.#awaited.delete(address);
    };
    const settled = plan.prefixes.map(
      (prefix) =>
        new Promise<void>((resolve, reject) => {
          const { address } = prefix;
          this.#awaited.set(address, (usable) => {
            if (usable) resolve();
            else reject(new Error(`${formatAddress(address)} is in use by another station on ${plan.link.name}`));
          });
          check(formatPrefix(prefix), ip.addAddress(network, prefix, { probe: plan.probe }, this.#clock.now()));
        }),
    );
    this.driver.addLink(link);
    return settled;
  }
}

/** Throws what a negative errno means for a part of the configuration. */
function check(what: string, result: number): void {
  if (result < 0) throw new Error(`${what} cannot be configured: ${errnoName(result)} (${errnoText(result)})`);
}
