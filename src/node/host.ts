/**
 * A host in real time: a stack, the driver that turns its crank, and sockets with promises. This is what programs start with.
 */
import type { ConfigOverrides } from '../core/config.ts';
import { errnoName, errnoText } from '../core/errno.ts';
import { CryptoRandom } from '../core/random.ts';
import type { RandomSource } from '../core/random.ts';
import { parseMac } from '../ethernet/address.ts';
import type { MacAddress } from '../ethernet/address.ts';
import {
  ANY_ADDRESS,
  formatAddress,
  formatPrefix,
  inPrefix,
  isMulticast,
  parseAddress,
  parsePrefix,
} from '../ip/address.ts';
import type { IpAddress, Prefix } from '../ip/address.ts';
import type { Link } from '../link/link.ts';
import { Driver, MonotonicClock } from '../stack/driver.ts';
import type { DriverOptions } from '../stack/driver.ts';
import { takeSnapshot } from '../stack/snapshot.ts';
import type { Snapshot } from '../stack/snapshot.ts';
import { Stack } from '../stack/stack.ts';
import type { CongestionFactories } from '../tcp/congestion/registry.ts';
import { Sockets } from './sockets.ts';

/** One link of a host with its addresses. */
export interface InterfaceOptions {
  readonly link: Link;
  /** Address with prefix length, e.g. '10.0.0.2/24', or several. Without one the interface only carries frames. */
  readonly address?: string | readonly string[];
  /** MAC address, e.g. '02:00:00:00:00:02'; a random, locally administered one by default. */
  readonly mac?: string;
  /** Whether to make sure first that nobody else uses the address (RFC 5227 §2.1, up to 9 s). Default false, as on Linux. */
  readonly probe?: boolean;
}

export interface HostOptions extends Partial<InterfaceOptions> {
  /** Default gateway, e.g. '10.0.0.1'; it must lie in the network of one of the addresses. */
  readonly gateway?: string;
  /** More interfaces than the one that `link` and `address` describe. */
  readonly interfaces?: readonly InterfaceOptions[];
  /** Tunables to change; DEFAULT_CONFIG lists all with units and sources. */
  readonly config?: ConfigOverrides;
  /** Congestion control algorithms of your own, by name: tcp/congestion/registry.ts has an example. */
  readonly congestion?: CongestionFactories;
  /** Random numbers; the platform's cryptographic ones by default. */
  readonly random?: RandomSource;
  /** How the host waits for frames. */
  readonly driver?: DriverOptions;
}

/**
 * Starts a host and resolves once its addresses may be used (at once, unless `probe` is set).
 *
 * @throws TypeError naming an address that cannot be read; RangeError for a tunable out of range; Error when a probed
 * address turns out to be taken.
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const { link, interfaces = [] } = options;
  const plans = (link === undefined ? interfaces : [{ ...options, link }, ...interfaces]).map(readInterface);
  const gateway = options.gateway === undefined ? undefined : readGateway(options.gateway, plans);

  const host = new Host(options);
  try {
    await host.configure(plans, gateway);
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

  /** Ends the host at once: sockets fail with EBADF, connections vanish without a word, links are closed. */
  close(): void {
    this.sockets.closeAll();
    this.driver.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /**
   * Ends the host politely: listeners and connections are closed, and what was queued has `patience` milliseconds to be
   * sent and acknowledged before everything is dropped.
   */
  async shutdown(patience = 1000): Promise<void> {
    this.sockets.closeAll();
    const end = performance.now() + patience;
    while (this.#unfinished() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.driver.close();
  }

  /** Whether a connection still has something to send or to hear; one in TIME-WAIT only waits. */
  #unfinished(): boolean {
    for (const connection of this.stack.tcp.connections()) if (connection.state !== 'TIME-WAIT') return true;
    return false;
  }

  /** @internal Adds the planned interfaces and resolves when their addresses may be used. */
  async configure(plans: readonly InterfacePlan[], gateway: IpAddress | undefined): Promise<void> {
    const settled = plans.flatMap((plan) => this.#addInterface(plan));
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

/** An interface's options, read and checked. */
interface InterfacePlan {
  readonly link: Link;
  readonly prefixes: readonly Prefix[];
  readonly mac: MacAddress | undefined;
  readonly probe: boolean;
}

function readInterface(options: InterfaceOptions): InterfacePlan {
  const { link, address = [], mac, probe = false } = options;
  const texts = typeof address === 'string' ? [address] : address;
  return { link, prefixes: texts.map(readHostPrefix), mac: mac === undefined ? undefined : readMac(mac), probe };
}

function readHostPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined || !text.includes('/')) {
    throw new TypeError(`address '${text}' is not of the form a.b.c.d/length, e.g. 10.0.0.2/24`);
  }
  if (isMulticast(prefix.address) || prefix.address === ANY_ADDRESS) {
    throw new TypeError(`address '${text}' cannot be a host's own address`);
  }
  return prefix;
}

function readMac(text: string): MacAddress {
  const mac = parseMac(text);
  if (mac === undefined) throw new TypeError(`mac '${text}' is not of the form 02:00:00:00:00:02`);
  return mac;
}

function readGateway(text: string, plans: readonly InterfacePlan[]): IpAddress {
  const gateway = parseAddress(text);
  if (gateway === undefined) throw new TypeError(`gateway '${text}' is not of the form a.b.c.d, e.g. 10.0.0.1`);
  if (!plans.some((plan) => plan.prefixes.some((prefix) => inPrefix(gateway, prefix)))) {
    throw new TypeError(`gateway ${text} lies in no network of this host, so it could not be reached`);
  }
  return gateway;
}
