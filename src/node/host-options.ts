/**
 * What a host is made of, as its user writes it; read and checked here, so that a mistake is named before anything is started.
 */
import type { ConfigOverrides } from '../core/config.ts';
import type { RandomSource } from '../core/random.ts';
import { isGroup, NO_MAC, parseMac } from '../ethernet/address.ts';
import type { MacAddress } from '../ethernet/address.ts';
import {
  BROADCAST_ADDRESS,
  directedBroadcast,
  formatPrefix,
  inPrefix,
  isLoopback,
  isMulticast,
  isReserved,
  isThisNetwork,
  networkAddress,
  parseAddress,
  parsePrefix,
} from '../ip/address.ts';
import type { IpAddress, Prefix } from '../ip/address.ts';
import type { Link } from '../link/link.ts';
import type { DriverOptions } from '../stack/driver.ts';
import type { CongestionFactories } from '../tcp/congestion/registry.ts';

/** One link of a host with its addresses. */
export interface InterfaceOptions {
  /** What carries its frames. It is the host's from now on, and closed with it. */
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

/** An interface's options, read and checked. */
export interface InterfacePlan {
  readonly link: Link;
  readonly prefixes: readonly Prefix[];
  readonly mac: MacAddress | undefined;
  readonly probe: boolean;
}

/** What of the options concerns the network, read and checked. */
export interface NetworkPlan {
  readonly interfaces: readonly InterfacePlan[];
  readonly gateway: IpAddress | undefined;
}

/** Throws a TypeError that names what is wrong and says what is wanted. */
export function readOptions(options: HostOptions): NetworkPlan {
  const { link, address, mac, interfaces = [] } = options;
  if (link === undefined && (address !== undefined || mac !== undefined)) {
    throw new TypeError("an address needs a link to be on: give link as well, e.g. link: await tap('tap0')");
  }
  const plans = (link === undefined ? interfaces : [{ ...options, link }, ...interfaces]).map(readInterface);
  refuseTwins(plans);
  const gateway = options.gateway === undefined ? undefined : readGateway(options.gateway, plans);
  return { interfaces: plans, gateway };
}

function readInterface({ link, address = [], mac, probe = false }: InterfaceOptions): InterfacePlan {
  if (!isLink(link)) {
    const hint = (link as unknown) instanceof Promise ? 'a Promise; await it' : shown(link);
    throw new TypeError(`link must be a link, e.g. await tap('tap0'), not ${hint}`);
  }
  const texts = typeof address === 'string' ? [address] : address;
  if (!Array.isArray(texts)) throw new TypeError(`address ${shown(address)} is not of the form ${PREFIX_FORM}`);
  const prefixes = (texts as readonly string[]).map(readHostPrefix);
  return { link, prefixes, mac: mac === undefined ? undefined : readMac(mac), probe };
}

/** Callers from plain JavaScript pass anything. */
const isLink = (link: unknown): boolean =>
  typeof link === 'object' && link !== null && 'receive' in link && typeof link.receive === 'function';

const PREFIX_FORM = 'a.b.c.d/length, e.g. 10.0.0.2/24';

function readHostPrefix(text: string): Prefix {
  const prefix = typeof text === 'string' && text.includes('/') ? parsePrefix(text) : undefined;
  if (prefix === undefined) throw new TypeError(`address ${shown(text)} is not of the form ${PREFIX_FORM}`);
  const reason = whyNoHost(prefix);
  if (reason !== undefined) throw new TypeError(`address ${shown(text)} cannot be a host's own: ${reason}`);
  return prefix;
}

/** Why the address is none that a host may have, else undefined. RFC 1122 §3.2.1.3. */
function whyNoHost(prefix: Prefix): string | undefined {
  const { address, length } = prefix;
  if (length === 0) return 'the prefix length must be 1 to 32';
  if (isThisNetwork(address)) return '0.0.0.0/8 stands for no host';
  if (isLoopback(address)) return '127.0.0.0/8 is inside every host already';
  if (isMulticast(address)) return 'it is a multicast group';
  if (isReserved(address) || address === BROADCAST_ADDRESS) return '240.0.0.0/4 is reserved';
  if (length >= 31) return undefined; // RFC 3021
  if (address === networkAddress(prefix)) return 'it is the address of the network itself';
  if (address === directedBroadcast(prefix)) return 'it is the broadcast address of the network';
  return undefined;
}

function readMac(text: string): MacAddress {
  const mac = typeof text === 'string' ? parseMac(text) : undefined;
  if (mac === undefined) throw new TypeError(`mac ${shown(text)} is not of the form 02:00:00:00:00:02`);
  if (isGroup(mac))
    throw new TypeError(`mac '${text}' is a group address: the lowest bit of its first octet must be 0`);
  if (mac === NO_MAC) throw new TypeError(`mac '${text}' stands for no station; wanted is one like 02:00:00:00:00:02`);
  return mac;
}

function readGateway(text: string, plans: readonly InterfacePlan[]): IpAddress {
  const gateway = typeof text === 'string' ? parseAddress(text) : undefined;
  if (gateway === undefined) throw new TypeError(`gateway ${shown(text)} is not of the form a.b.c.d, e.g. 10.0.0.1`);
  const prefixes = plans.flatMap((plan) => plan.prefixes);
  if (prefixes.some((prefix) => prefix.address === gateway)) {
    throw new TypeError(`gateway ${text} is this host's own address; wanted is that of a router`);
  }
  const around = prefixes.filter((prefix) => inPrefix(gateway, prefix));
  if (around.length === 0) {
    throw new TypeError(`gateway ${text} lies in no network of this host, so it could not be reached`);
  }
  const reason = around.map((prefix) => whyNoHost({ address: gateway, length: prefix.length })).find(Boolean);
  if (reason !== undefined) throw new TypeError(`gateway ${text} cannot be a router: ${reason}`);
  return gateway;
}

/** One link cannot be two interfaces, nor one address be given twice. */
function refuseTwins(plans: readonly InterfacePlan[]): void {
  const links = new Set<Link>();
  const addresses = new Set<IpAddress>();
  for (const { link, prefixes } of plans) {
    if (links.has(link)) throw new TypeError(`link '${link.name}' is given twice; each interface needs its own`);
    links.add(link);
    for (const prefix of prefixes) {
      if (addresses.has(prefix.address)) throw new TypeError(`address ${formatPrefix(prefix)} is given twice`);
      addresses.add(prefix.address);
    }
  }
}

/** Text in quotes; anything else as JavaScript would write it. */
const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));
