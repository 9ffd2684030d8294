import { expect } from 'chai';
import { messageCharge, pieceCharge, pieceSize } from '../../../src/socket/unix/charge.ts';

/** SIOCOUTQ after one send of so many octets, as Linux 6.18 (x86-64) answers it. */
describe('what octets count against SO_SNDBUF', () => {
  const messages: readonly (readonly [length: number, charge: number])[] = [
    [0, 768],
    [192, 768],
    [193, 1280],
    [704, 1280],
    [705, 2304],
    [3776, 4352],
    [3777, 8448],
    [16064, 16640],
    [16065, 20736],
    [32448, 33024],
    [32449, 37120],
    [65536, 69888],
    [100_000, 102_656],
    [150_000, 200_960],
    [212_960, 332_032],
  ];
  for (const [length, charge] of messages) {
    it(`a message of ${length} octets`, () => {
      expect(messageCharge(length)).to.equal(charge);
    });
  }

  const pieces: readonly (readonly [length: number, charge: number])[] = [
    [1, 768],
    [1729, 4352],
    [3777, 4864],
    [7872, 8448],
    [7873, 8960],
    [16065, 17152],
    [36544, 37120],
  ];
  for (const [length, charge] of pieces) {
    it(`a piece of ${length} octets`, () => {
      expect(pieceCharge(length)).to.equal(charge);
    });
  }

  it('a stream is cut into pieces of half of SO_SNDBUF at most', () => {
    expect(pieceSize(4608)).to.equal(2240);
    expect(pieceSize(212_992)).to.equal(36_544);
  });
});
