/**
 * The socket calls that the programs in this folder use: a part of a host's Promise face, so that a test can stand in for it.
 *
 * Failures throw a NetError, which has the errno's name in `code`, as Node's own errors do.
 */

/** An address in dotted-decimal text with a port (0 to 65535). */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A datagram with the endpoint that it came from. */
export interface ReceivedDatagram extends Endpoint {
  readonly data: Uint8Array;
}

export interface AppSockets {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, endpoint: Endpoint): void;
  listen(fd: number, backlog: number): void;
  accept(fd: number): Promise<number>;
  connect(fd: number, endpoint: Endpoint): Promise<void>;
  /** Waits for octets, fills the start of `buffer` and tells how many; 0 at the end of the stream. */
  recv(fd: number, buffer: Uint8Array, options?: { readonly flags?: number }): Promise<number>;
  /** As above into a new array of at most `size` octets; empty at the end of the stream. */
  recv(fd: number, size: number): Promise<Uint8Array>;
  /** Waits until something could be taken; returns how much. */
  send(fd: number, data: Uint8Array): Promise<number>;
  sendto(fd: number, data: Uint8Array, to: Endpoint): Promise<number>;
  recvfrom(fd: number): Promise<ReceivedDatagram>;
  shutdown(fd: number, how: number): void;
  close(fd: number): void;
  getsockname(fd: number): Endpoint;
  getpeername(fd: number): Endpoint;
  setsockopt(fd: number, level: number, name: number, value: number): void;
}

/** Sends all of `data`; `send` may take less at a time when its buffer is short. */
export async function sendAll(sockets: AppSockets, fd: number, data: Uint8Array): Promise<void> {
  let sent = await sockets.send(fd, data);
  while (sent < data.length) sent += await sockets.send(fd, data.subarray(sent));
}

/** The errno's name that an error carries, e.g. 'ECONNRESET'; '' for anything else. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error's message in one line. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** Closes a descriptor that may be closed already because the host is. */
export function closeQuietly(sockets: AppSockets, fd: number): void {
  try {
    sockets.close(fd);
  } catch (error) {
    if (errorCode(error) === '') throw error;
  }
}
