/**
 * What the services have in common: a TCP accept loop and a UDP answer loop with bounds and counters, which end on an
 * AbortSignal, on `stop`, or when the host is closed under them.
 *
 * A client that fails is counted and closed; it never takes the service down. At the bound on clients the loop stops
 * accepting, so that more clients wait in the listener's backlog, which is bounded too.
 */
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from '../socket/constants.ts';
import { closeQuietly, errorCode, errorText } from './sockets.ts';
import type { AppSockets, ReceivedDatagram } from './sockets.ts';

/** Clients that one TCP service serves at once unless told otherwise. */
export const DEFAULT_MAX_CLIENTS = 1024;
/** Backlog of a service's listener: connections that wait for their turn. */
export const SERVICE_BACKLOG = 1024;
/** Pause after a call failed for want of resources (ms), so that a lasting failure does not keep the processor busy. */
const RETRY_PAUSE = 50;

/** Errnos of a descriptor that is gone: the host was closed, or the call was waiting when somebody closed it. */
const IS_OVER: ReadonlySet<string> = new Set(['EBADF', 'ENOTSOCK', 'ECANCELED']);

export interface ServiceOptions {
  /** Port to serve; each service has a default of its own. */
  readonly port?: number | undefined;
  /** Own address to serve, 0.0.0.0 (all of them) by default. */
  readonly address?: string | undefined;
  /** Clients served at once, DEFAULT_MAX_CLIENTS by default. */
  readonly maxClients?: number | undefined;
  /** Ends the service. */
  readonly signal?: AbortSignal | undefined;
}

/** What a service did so far, as plain data; octets of payload. */
export interface ServiceCounters {
  /** Clients being served now, and ever. For UDP: 0, and datagrams answered. */
  clients: number;
  served: number;
  /** Clients or datagrams whose service ended in an error, and the last such error. */
  failures: number;
  lastFailure: string;
  /** Datagrams that were not answered on purpose. */
  ignored: number;
  octetsIn: number;
  octetsOut: number;
}

export interface Service {
  readonly name: string;
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  readonly counters: Readonly<ServiceCounters>;
  /** Settles once the service has ended and let go of every descriptor. Never rejects. */
  readonly stopped: Promise<void>;
  /** Closes the listener and all clients; calling it twice is allowed. */
  stop(): void;
}

/** One accepted connection. */
export interface Client {
  readonly fd: number;
  readonly counters: ServiceCounters;
  /** Closes the descriptor, once: its number may belong to somebody else afterwards. */
  close(): void;
}

/** Serves one client until it is done; the caller closes the descriptor. */
export type ClientHandler = (client: Client) => Promise<void>;

/**
 * Listens and hands each connection to `serve`. Throws what socket, bind and listen throw (EADDRINUSE for a port in use).
 */
export function serveTcp(
  sockets: AppSockets,
  name: string,
  port: number,
  options: ServiceOptions,
  serve: ClientHandler,
): Service {
  const listener = openListener(sockets, port, options);
  return new TcpService(sockets, name, port, listener, options, serve);
}

function openListener(sockets: AppSockets, port: number, options: ServiceOptions): number {
  const fd = sockets.socket(AF_INET, SOCK_STREAM, 0);
  try {
    sockets.bind(fd, { address: options.address ?? '0.0.0.0', port });
    sockets.listen(fd, SERVICE_BACKLOG);
    return fd;
  } catch (error) {
    sockets.close(fd);
    throw error;
  }
}

function newCounters(): ServiceCounters {
  return { clients: 0, served: 0, failures: 0, lastFailure: '', ignored: 0, octetsIn: 0, octetsOut: 0 };
}

function noteFailure(counters: ServiceCounters, error: unknown): void {
  counters.failures++;
  counters.lastFailure = errorText(error);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE));

class TcpService implements Service {
  readonly transport = 'tcp';
  readonly name: string;
  readonly port: number;
  readonly counters = newCounters();
  readonly stopped: Promise<void>;
  readonly #sockets: AppSockets;
  readonly #listener: number;
  readonly #serve: ClientHandler;
  readonly #maxClients: number;
  readonly #clients = new Set<Client>();
  readonly #signal: AbortSignal | undefined;
  #stopping = false;
  /** Wakes the accept loop, which waits for a client to end. */
  #wake: (() => void) | undefined = undefined;

  constructor(
    sockets: AppSockets,
    name: string,
    port: number,
    listener: number,
    options: ServiceOptions,
    serve: ClientHandler,
  ) {
    this.#sockets = sockets;
    this.name = name;
    this.port = port;
    this.#listener = listener;
    this.#serve = serve;
    this.#maxClients = options.maxClients ?? DEFAULT_MAX_CLIENTS;
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.stop);
    this.stopped = this.#run();
    if (this.#signal?.aborted === true) this.stop();
  }

  readonly stop = (): void => {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#signal?.removeEventListener('abort', this.stop);
    closeQuietly(this.#sockets, this.#listener);
    for (const client of this.#clients) client.close();
    this.#wake?.();
  };

  async #run(): Promise<void> {
    while (!this.#stopping) {
      if (this.#clients.size >= this.#maxClients) {
        await this.#clientEnded();
        continue;
      }
      try {
        const fd = await this.#sockets.accept(this.#listener);
        this.#take(fd);
      } catch (error) {
        await this.#acceptFailed(error);
      }
    }
    while (this.#clients.size > 0) await this.#clientEnded();
  }

  #clientEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** What accept(2) says to do: a client that went away is no matter, a full table is worth another try. */
  async #acceptFailed(error: unknown): Promise<void> {
    if (this.#stopping) return;
    const code = errorCode(error);
    if (code === 'ECONNABORTED') return;
    noteFailure(this.counters, error);
    if (IS_OVER.has(code)) this.stop();
    else await pause();
  }

  #take(fd: number): void {
    if (this.#stopping) {
      closeQuietly(this.#sockets, fd);
      return;
    }
    const client = new AcceptedClient(this.#sockets, fd, this.counters);
    this.#clients.add(client);
    this.counters.clients++;
    this.counters.served++;
    void this.#attend(client);
  }

  async #attend(client: Client): Promise<void> {
    try {
      await this.#serve(client);
    } catch (error) {
      if (!this.#stopping) noteFailure(this.counters, error);
    }
    client.close();
    this.#clients.delete(client);
    this.counters.clients--;
    this.#wake?.();
  }
}

class AcceptedClient implements Client {
  readonly fd: number;
  readonly counters: ServiceCounters;
  readonly #sockets: AppSockets;
  #open = true;

  constructor(sockets: AppSockets, fd: number, counters: ServiceCounters) {
    this.#sockets = sockets;
    this.fd = fd;
    this.counters = counters;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeQuietly(this.#sockets, this.fd);
  }
}

/** The answer to a datagram, or undefined for none. It is asked for one datagram at a time. */
export type DatagramHandler = (datagram: ReceivedDatagram) => Uint8Array | undefined;

/**
 * Ports of the services that answer whatever they are sent (RFC 862 to 868 and their kin). A datagram that claims to come from
 * one of them is ignored: answering would let a forged datagram start two services talking to each other for ever (CERT CA-1996-01).
 */
export const ANSWERING_PORTS: ReadonlySet<number> = new Set([7, 11, 13, 15, 17, 19, 37]);

/** Answers datagrams to a port with what `answer` makes of them. Throws what socket and bind throw. */
export function serveUdp(
  sockets: AppSockets,
  name: string,
  port: number,
  options: ServiceOptions,
  answer: DatagramHandler,
): Service {
  const fd = sockets.socket(AF_INET, SOCK_DGRAM, 0);
  try {
    sockets.bind(fd, { address: options.address ?? '0.0.0.0', port });
  } catch (error) {
    sockets.close(fd);
    throw error;
  }
  const counters = newCounters();
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    options.signal?.removeEventListener('abort', stop);
    closeQuietly(sockets, fd);
  };
  options.signal?.addEventListener('abort', stop);
  const run = async (): Promise<void> => {
    while (!stopping) {
      try {
        await answerOne(sockets, fd, counters, answer);
      } catch (error) {
        // stop() may have been called while this waited.
        if (stopping as boolean) return;
        noteFailure(counters, error);
        // A late ICMP error about an earlier answer also arrives here (ECONNREFUSED).
        if (IS_OVER.has(errorCode(error))) stop();
        else await pause();
      }
    }
  };
  const stopped = run();
  if (options.signal?.aborted === true) stop();
  return { name, transport: 'udp', port, counters, stopped, stop };
}

async function answerOne(
  sockets: AppSockets,
  fd: number,
  counters: ServiceCounters,
  answer: DatagramHandler,
): Promise<void> {
  const datagram = await sockets.recvfrom(fd);
  counters.octetsIn += datagram.data.length;
  if (datagram.port === 0 || ANSWERING_PORTS.has(datagram.port)) {
    counters.ignored++;
    return;
  }
  const reply = answer(datagram);
  counters.served++;
  if (reply === undefined) return;
  await sockets.sendto(fd, reply, datagram);
  counters.octetsOut += reply.length;
}
