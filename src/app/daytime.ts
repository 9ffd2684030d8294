/**
 * Daytime (RFC 867), port 13: the date and time as a line of text, to whoever connects or sends a datagram.
 *
 * The RFC asks for no particular form; this is its first example's, always in UTC.
 */
import type { Service, ServiceOptions } from './service.ts';
import { serveTcp, serveUdp } from './service.ts';
import type { AppSockets } from './sockets.ts';
import { sendAll } from './sockets.ts';

export const DAYTIME_PORT = 13;

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
] as const;

/** The line for a point in time, e.g. `Monday, February 22, 1982 17:37:43-UTC` and CR LF. */
export function daytimeLine(date: Date): string {
  const day = DAYS[date.getUTCDay()]!;
  const month = MONTHS[date.getUTCMonth()]!;
  const time = date.toISOString().slice(11, 19);
  return `${day}, ${month} ${date.getUTCDate()}, ${date.getUTCFullYear()} ${time}-UTC\r\n`;
}

const encoder = new TextEncoder();
const now = (): Date => new Date();

/** Daytime over TCP: sends the line and closes. `clock` tells the time. */
export function startTcpDaytime(sockets: AppSockets, options: ServiceOptions = {}, clock = now): Service {
  return serveTcp(sockets, 'daytime', options.port ?? DAYTIME_PORT, options, async ({ fd, counters }) => {
    const line = encoder.encode(daytimeLine(clock()));
    await sendAll(sockets, fd, line);
    counters.octetsOut += line.length;
  });
}

/** Daytime over UDP: the line in one datagram. */
export function startUdpDaytime(sockets: AppSockets, options: ServiceOptions = {}, clock = now): Service {
  return serveUdp(sockets, 'daytime', options.port ?? DAYTIME_PORT, options, () =>
    encoder.encode(daytimeLine(clock())),
  );
}
