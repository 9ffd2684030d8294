/**
 * The Promise face on stand-ins for TCP and UDP, driven turn by turn: what the tests in this folder start from.
 */
import { NetError } from '../../src/node/net-error.ts';
import { Sockets } from '../../src/node/sockets.ts';
import * as c from '../../src/socket/constants.ts';
import { fakeHost } from '../support/fake-services.ts';
import type { FakeConnection, FakeHost } from '../support/fake-services.ts';

export const PEER = { address: '10.0.0.9', port: 80 };
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const sentBy = (connection: FakeConnection): string => text(Uint8Array.from(connection.outbox));

/** Lets continuations run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The code of the error that a promise or a call fails with; what it gives when it does not fail. */
export async function outcome(result: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    return await (typeof result === 'function' ? result() : result);
  } catch (error) {
    return error instanceof NetError ? error.code : (error as Error).name;
  }
}

export interface SetUp {
  readonly calls: FakeHost['calls'];
  readonly tcp: FakeHost['tcp'];
  readonly udp: FakeHost['udp'];
  readonly sockets: Sockets;
  /** A turn of the driver, after which the programs have run. */
  readonly turn: () => Promise<void>;
  /** An established stream. */
  readonly open: (room?: number) => Promise<{ fd: number; connection: FakeConnection }>;
}

export function setUp(limit?: number): SetUp {
  const { calls, tcp, udp } = fakeHost();
  const sockets = new Sockets(calls, limit);
  const turn = async (): Promise<void> => {
    calls.deliver();
    await settle();
  };
  const open = async (room = 65536): Promise<{ fd: number; connection: FakeConnection }> => {
    const fd = sockets.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const connecting = sockets.connect(fd, PEER);
    const connection = tcp.opened.at(-1)!;
    connection.establish(room);
    await turn();
    await connecting;
    return { fd, connection };
  };
  return { calls, tcp, udp, sockets, turn, open };
}
