/**
 * An IpService that records what TCP sends, for tests of TCP alone. Whoever owns it decides what becomes of the frames.
 */
import { pseudoHeaderSum } from '../../src/core/checksum.ts';
import type { Frame } from '../../src/core/frame.ts';
import type { Micros } from '../../src/core/time.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import type { Arrival, IpService, OutputOptions, Path, ProtocolHandler } from '../../src/ip/service.ts';
import { NO_GROUPS } from './fake-services.ts';

export class FakePath implements Path {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  mtu = 1500;
  maxSegment = 1500;
  viaGateway = false;
  headerLength = 20;
  checksumOffload = false;
  /** The first link's; as `mtu` unless a test says otherwise. */
  linkMtu: number | undefined = undefined;

  constructor(source: IpAddress, destination: IpAddress) {
    this.source = source;
    this.destination = destination;
  }

  get interfaceMtu(): number {
    return this.linkMtu ?? this.mtu;
  }

  pseudoHeaderSum(protocol: number): number {
    return pseudoHeaderSum(this.source, this.destination, protocol);
  }
}

/** Takes over a frame whose `start` is at the TCP header. */
export type FrameTaker = (frame: Frame, path: Path, options: OutputOptions, now: Micros) => number;

export class FakeIp implements IpService {
  readonly groups = NO_GROUPS;
  readonly address: IpAddress;
  take: FrameTaker;
  handler: ProtocolHandler | undefined = undefined;
  /** What `route` answers instead of a path. */
  routeError = 0;
  mtu = 1500;
  maxSegment = 1500;
  linkMtu: number | undefined = undefined;
  checksumOffload = false;
  readonly paths: FakePath[] = [];
  confirms = 0;
  tooBigs = 0;
  doubts = 0;

  constructor(address: IpAddress, take: FrameTaker) {
    this.address = address;
    this.take = take;
  }

  route(destination: IpAddress, source: IpAddress): Path | number {
    if (this.routeError !== 0) return this.routeError;
    const path = new FakePath(source === ANY_ADDRESS ? this.address : source, destination);
    path.mtu = this.mtu;
    path.linkMtu = this.linkMtu;
    path.maxSegment = this.maxSegment;
    path.checksumOffload = this.checksumOffload;
    this.paths.push(path);
    return path;
  }

  output(path: Path, frame: Frame, options: OutputOptions, now: Micros): number {
    return this.take(frame, path, options, now);
  }

  outputRaw(_path: Path, frame: Frame): number {
    frame.release();
    return 0;
  }

  isLocal(address: IpAddress): boolean {
    return address === this.address;
  }

  isBroadcast(address: IpAddress): boolean {
    return address === BROADCAST_ADDRESS;
  }

  specificDestination({ destination }: Arrival): IpAddress {
    return destination;
  }

  arrivalInterface({ interfaceId }: Arrival): number {
    return interfaceId;
  }

  interfaceByName(name: string): number | undefined {
    return name === 'tap0' ? 2 : undefined;
  }

  interfaceName(interfaceId: number): string | undefined {
    return interfaceId === 2 ? 'tap0' : undefined;
  }

  register(_protocol: number, handler: ProtocolHandler): void {
    this.handler = handler;
  }

  addRaw(): void {
    // no raw sockets here
  }

  removeRaw(): void {
    // no raw sockets here
  }

  /** A test that wants the path narrower says so on the path itself. */
  tooBig(): boolean {
    this.tooBigs++;
    return false;
  }

  confirm(): void {
    this.confirms++;
  }

  doubt(): void {
    this.doubts++;
  }
}
