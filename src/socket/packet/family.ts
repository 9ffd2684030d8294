/**
 * AF_PACKET: which types there are, and who is shown the frames that pass. socket(2), packet(7); net/packet/af_packet.c.
 */
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import { PacketType } from '../../ethernet/device.ts';
import type { Device, FrameTap, ShownFrame } from '../../ethernet/device.ts';
import { AF_PACKET, SOCK_DGRAM, SOCK_RAW } from '../constants.ts';
import type { SocketFamily } from '../family.ts';
import type { Socket, SocketHost } from '../socket.ts';
import { PacketOutput } from './output.ts';
import { PacketSocket } from './packet-socket.ts';
import type { PacketHost } from './packet-socket.ts';

export const makePacketFamily = (host: SocketHost): SocketFamily => new PacketFamily(host);

class PacketFamily implements SocketFamily, FrameTap {
  readonly domain = AF_PACKET;
  readonly #host: PacketHost;
  /** In the order in which Linux shows them a frame: by rank, the last one first. */
  readonly #sockets: PacketSocket[] = [];

  constructor(host: SocketHost) {
    const output = new PacketOutput(host.context.drops);
    this.#host = { ...host, output, listen: (socket, on) => this.#listen(socket, on) };
  }

  create(type: number, protocol: number, refused: number): Socket | number {
    if (!this.#host.context.config.socket.mayUseRaw) return -Errno.EPERM;
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) return -Errno.ESOCKTNOSUPPORT;
    return refused < 0 ? refused : new PacketSocket(this.#host, type, protocol);
  }

  /** There is none in AF_PACKET. socketpair(2). */
  connectPair(): number {
    return -Errno.EOPNOTSUPP;
  }

  get pending(): boolean {
    return this.#host.output.pending;
  }

  poll(now: Micros): void {
    this.#host.output.poll(now);
  }

  onFrame(shown: ShownFrame, now: Micros): void {
    const sender = shown.packetType === PacketType.Outgoing ? this.#host.output.sender : undefined;
    for (const socket of this.#sockets) socket.onFrame(shown, socket === sender, now);
  }

  onDown(device: Device): void {
    for (const socket of this.#sockets) socket.onDown(device);
  }

  /** The interfaces show their frames only while there is a socket. Linux dev_add_pack. */
  #listen(socket: PacketSocket, on: boolean): void {
    const sockets = this.#sockets;
    const index = sockets.indexOf(socket);
    if (index >= 0) sockets.splice(index, 1);
    if (on) {
      const before = sockets.findIndex((other) => other.rank >= socket.rank);
      sockets.splice(before < 0 ? sockets.length : before, 0, socket);
    }
    this.#host.devices.setTap(sockets.length > 0 ? this : undefined);
  }
}
