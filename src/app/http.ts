/**
 * The HTTP page of a host, port 80: `/` shows its sockets, neighbours, routes and counters, `/json` the same as JSON.
 *
 * Node's own HTTP/1.1 parser and server (RFC 9112) run on our sockets through node/duplex.ts. This file has the two
 * resources and the bounds: request line, header, number of clients, idle and request time. Requests with a body are refused.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { SocketDuplex } from '../node/duplex.ts';
import { renderPage } from './page.ts';
import { serveTcp } from './service.ts';
import type { Client, Service, ServiceOptions } from './service.ts';
import type { AppSockets } from './sockets.ts';

export const HTTP_PORT = 80;
/** Longest request target (octets): 414 beyond. RFC 9110 §4.1 asks for 8000 where targets are long; ours are not. */
export const MAX_TARGET = 2048;
/** Longest request line and header together (octets): 431 beyond. */
export const MAX_HEADER = 8192;
/** Time for a whole request, and idle time between two of them (ms). */
const REQUEST_TIMEOUT = 10_000;
const IDLE_TIMEOUT = 30_000;
/** Requests on one connection at most. */
const MAX_REQUESTS = 1000;

export interface HttpOptions extends ServiceOptions {
  /** What the page shows, asked for at each request: plain data, whose keys become headings. */
  readonly snapshot: () => object;
  /** Heading of the page. */
  readonly title?: string;
  /** Time for a whole request and idle time (ms); for tests. */
  readonly requestTimeout?: number;
  readonly idleTimeout?: number;
}

/** Starts the server. */
export function startHttp(sockets: AppSockets, options: HttpOptions): Service {
  const server = makeServer(options);
  const service = serveTcp(sockets, 'http', options.port ?? HTTP_PORT, options, (client) =>
    serveClient(server, sockets, client),
  );
  void service.stopped.then(() => server.close());
  return service;
}

function makeServer(options: HttpOptions): Server {
  const requestTimeout = options.requestTimeout ?? REQUEST_TIMEOUT;
  const server = createServer({
    maxHeaderSize: MAX_HEADER,
    keepAliveTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
    headersTimeout: requestTimeout,
    requestTimeout,
    // As late as that a request may time out; each check wakes a host that may have nothing else to do.
    connectionsCheckingInterval: requestTimeout / 2,
  });
  server.maxRequestsPerSocket = MAX_REQUESTS;
  // A connection on which nothing moves, whatever it waits for.
  server.timeout = options.idleTimeout ?? IDLE_TIMEOUT;
  server.on('request', (request, response) => answer(request, response, options));
  server.on('clientError', refuse);
  // Without a listening handle, this is what starts the checks of the request timeouts.
  server.emit('listening');
  return server;
}

/** Hands a connection to the HTTP server and waits until it is done with it. */
async function serveClient(server: Server, sockets: AppSockets, client: Client): Promise<void> {
  const duplex = new SocketDuplex(sockets, client.fd, { close: () => client.close() });
  const closed = new Promise<void>((resolve) => {
    duplex.once('close', resolve);
  });
  // The server listens for errors itself; this one outlives its listener.
  duplex.on('error', () => undefined);
  duplex.setNoDelay();
  server.emit('connection', duplex);
  await closed;
  client.counters.octetsIn += duplex.bytesRead;
  client.counters.octetsOut += duplex.bytesWritten;
}

/** Statuses for what the parser refuses; anything else is 400. */
const PARSER_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = PARSER_STATUS[error.code ?? ''] ?? '400 Bad Request';
  // The rest of the request is unread: closing now would reset the connection before the answer has arrived.
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => lingeringClose(socket));
}

/** Time that an erring client has to take its answer and close (ms). RFC 9112 §9.6. */
const LINGER = 500;

function lingeringClose(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): void {
  // What is refused may bring a body that nobody reads.
  if (hasBody(request)) response.setHeader('Connection', 'close');
  try {
    answerTarget(request, response, request.url ?? '/', options);
  } catch {
    // The snapshot failed, before anything was sent.
    sendText(response, 500, 'Internal Server Error');
  }
}

function answerTarget(request: IncomingMessage, response: ServerResponse, target: string, options: HttpOptions): void {
  if (Buffer.byteLength(target) > MAX_TARGET) {
    sendText(response, 414, 'URI Too Long');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    sendText(response, 405, 'Method Not Allowed');
  } else if (hasBody(request)) {
    sendText(response, 413, 'Content Too Large');
  } else {
    sendResource(response, pathOf(target), options);
  }
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

/** The path of a request target in origin or absolute form, without its query. RFC 9112 §3.2. */
function pathOf(target: string): string {
  const base = 'http://host';
  return URL.canParse(target, base) ? new URL(target, base).pathname : target;
}

function sendResource(response: ServerResponse, path: string, options: HttpOptions): void {
  const title = options.title ?? 'tapstack';
  if (path === '/') {
    const page = renderPage(options.snapshot() as Record<string, unknown>, {
      title,
      subtitle: 'A TCP/IP host in TypeScript. The same as data: /json',
      refresh: 5,
    });
    send(response, 200, 'text/html; charset=utf-8', page);
  } else if (path === '/json') {
    send(response, 200, 'application/json', `${JSON.stringify(options.snapshot(), jsonValue, 2)}\n`);
  } else {
    sendText(response, 404, 'Not Found');
  }
}

const jsonValue = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${status} ${text}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  // For HEAD, Node leaves the body out.
  response.end(body);
}
