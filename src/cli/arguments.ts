/**
 * Reading option values. Each function takes the text that the user typed and throws commander's InvalidArgumentError,
 * which says what form is wanted.
 */
import { InvalidArgumentError } from 'commander';
import { ALL_SERVICES, SERVICE_NAMES, isServiceName, standardPort } from '../app/services.ts';
import type { ServicePlan } from '../app/services.ts';
import { parseMac } from '../ethernet/address.ts';
import {
  ANY_ADDRESS,
  directedBroadcast,
  isLoopback,
  isMulticast,
  networkAddress,
  parseAddress,
  parsePrefix,
} from '../ip/address.ts';

/** An own address with its prefix length, e.g. 10.0.0.2/24. */
export function readHostAddress(text: string): string {
  const prefix = text.includes('/') ? parsePrefix(text) : undefined;
  if (prefix === undefined) throw new InvalidArgumentError('Wanted: a.b.c.d/length, e.g. 10.0.0.2/24.');
  const { address, length } = prefix;
  if (address === ANY_ADDRESS || isMulticast(address) || isLoopback(address) || directedBroadcast(prefix) === address) {
    throw new InvalidArgumentError('This is not an address that a host can have; e.g. 10.0.0.2/24.');
  }
  if (length < 31 && networkAddress(prefix) === address) {
    throw new InvalidArgumentError('This is the address of the network itself; take a host of it, e.g. 10.0.0.2/24.');
  }
  return text;
}

/** A plain address, e.g. 10.0.0.1. */
export function readPlainAddress(text: string): string {
  if (parseAddress(text) === undefined) throw new InvalidArgumentError('Wanted: a.b.c.d, e.g. 10.0.0.1.');
  return text;
}

/** A MAC address that one station can have. */
export function readMacAddress(text: string): string {
  if (parseMac(text) === undefined)
    throw new InvalidArgumentError('Wanted: six octets in hex, e.g. 02:00:00:00:00:02.');
  if ((Number.parseInt(text.slice(0, 2), 16) & 1) === 1) {
    throw new InvalidArgumentError('This is a group address; the first octet must be even, e.g. 02:00:00:00:00:02.');
  }
  return text;
}

/** A whole number within bounds. */
export function readNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`Wanted: a number from ${least} to ${most}.`);
    return value;
  };
}

/** Services by name, each with a port of its own if wanted: `echo,http:8080`; `none` for none. */
export function readServices(text: string): readonly ServicePlan[] {
  if (text === 'none') return [];
  if (text === 'all') return ALL_SERVICES;
  const plans = new Map<string, ServicePlan>();
  for (const item of text.split(',')) {
    const plan = readService(item.trim());
    plans.set(`${plan.name}:${plan.port}`, plan);
  }
  return [...plans.values()];
}

const readPort = readNumber(1, 65535);

function readService(item: string): ServicePlan {
  const [name = '', port, ...rest] = item.split(':');
  if (!isServiceName(name) || rest.length > 0) {
    throw new InvalidArgumentError(
      `'${item}' is no service. Wanted: names of ${SERVICE_NAMES.join(', ')}, e.g. echo,http:8080.`,
    );
  }
  return { name, port: port === undefined ? standardPort(name) : readPort(port) };
}
