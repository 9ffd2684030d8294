/**
 * The services by name, as `tapstack up --serve` lists them, and how they are started together.
 */
import { startTcpChargen, startUdpChargen } from './chargen.ts';
import { startTcpDaytime, startUdpDaytime } from './daytime.ts';
import { startTcpDiscard, startUdpDiscard } from './discard.ts';
import { ECHO_PORT, echoClient, startTcpEcho, startUdpEcho } from './echo.ts';
import { CHARGEN_PORT } from './chargen.ts';
import { DAYTIME_PORT } from './daytime.ts';
import { DISCARD_PORT } from './discard.ts';
import { HTTP_PORT, startHttp } from './http.ts';
import { serveTcp } from './service.ts';
import type { Service, ServiceOptions } from './service.ts';
import { errorCode } from './sockets.ts';
import type { AppSockets } from './sockets.ts';

/** The port of the man page's server. */
export const MAN_PAGE_PORT = 12345;

export type ServiceName = 'echo' | 'discard' | 'daytime' | 'chargen' | 'man-page' | 'http';

/** A service to start: its name and port. */
export interface ServicePlan {
  readonly name: ServiceName;
  readonly port: number;
}

/** What a service needs of its host. */
export interface ServiceHost {
  readonly sockets: AppSockets;
  snapshot(): object;
}

type Start = (host: ServiceHost, options: ServiceOptions, title: string) => Service;

const SERVICES: Readonly<Record<ServiceName, { readonly port: number; readonly start: readonly Start[] }>> = {
  echo: {
    port: ECHO_PORT,
    start: [
      ({ sockets }, options) => startTcpEcho(sockets, options),
      ({ sockets }, options) => startUdpEcho(sockets, options),
    ],
  },
  discard: {
    port: DISCARD_PORT,
    start: [
      ({ sockets }, options) => startTcpDiscard(sockets, options),
      ({ sockets }, options) => startUdpDiscard(sockets, options),
    ],
  },
  daytime: {
    port: DAYTIME_PORT,
    start: [
      ({ sockets }, options) => startTcpDaytime(sockets, options),
      ({ sockets }, options) => startUdpDaytime(sockets, options),
    ],
  },
  chargen: {
    port: CHARGEN_PORT,
    start: [
      ({ sockets }, options) => startTcpChargen(sockets, options),
      ({ sockets }, options) => startUdpChargen(sockets, options),
    ],
  },
  'man-page': {
    port: MAN_PAGE_PORT,
    start: [({ sockets }, options) => startManPage(sockets, options)],
  },
  http: {
    port: HTTP_PORT,
    start: [(host, options, title) => startHttp(host.sockets, { ...options, title, snapshot: () => host.snapshot() })],
  },
};

export const SERVICE_NAMES = Object.keys(SERVICES) as readonly ServiceName[];

/** All services on their standard ports. */
export const ALL_SERVICES: readonly ServicePlan[] = SERVICE_NAMES.map((name) => ({ name, port: SERVICES[name].port }));

/** The server of examples/socket-man-page.ts for many clients: TCP echo on port 12345. */
export function startManPage(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveTcp(sockets, 'man-page', options.port ?? MAN_PAGE_PORT, options, (client) => echoClient(sockets, client));
}

/** Whether text names a service. */
export const isServiceName = (text: string): text is ServiceName => Object.hasOwn(SERVICES, text);

/** The standard port of a service. */
export const standardPort = (name: ServiceName): number => SERVICES[name].port;

/** A service could not be started since its port is taken. */
export class PortInUseError extends Error {
  readonly plan: ServicePlan;

  constructor(plan: ServicePlan, cause: unknown) {
    super(`port ${plan.port}, which ${plan.name} wants, is in use`, { cause });
    this.name = 'PortInUseError';
    this.plan = plan;
  }
}

/** Services that run together. */
export interface RunningServices {
  readonly services: readonly Service[];
  /** Settles when all have ended. */
  readonly stopped: Promise<void>;
  stop(): void;
}

/**
 * Starts services on a host; either all of them or none. Throws a PortInUseError when one finds its port taken.
 * `title` is the heading of the HTTP page.
 */
export function startServices(
  host: ServiceHost,
  plans: readonly ServicePlan[] = ALL_SERVICES,
  options: Omit<ServiceOptions, 'port'> = {},
  title = 'tapstack',
): RunningServices {
  const services: Service[] = [];
  const stop = (): void => services.forEach((service) => service.stop());
  for (const plan of plans) {
    try {
      for (const start of SERVICES[plan.name].start) services.push(start(host, { ...options, port: plan.port }, title));
    } catch (error) {
      stop();
      throw errorCode(error) === 'EADDRINUSE' ? new PortInUseError(plan, error) : error;
    }
  }
  const stopped = Promise.all(services.map((service) => service.stopped)).then(() => undefined);
  return { services, stopped, stop };
}
