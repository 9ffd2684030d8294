import { InvalidArgumentError } from 'commander';
import { expect } from 'chai';
import {
  readHostAddress,
  readMacAddress,
  readNumber,
  readPlainAddress,
  readServices,
} from '../../src/cli/arguments.ts';

describe('option values', () => {
  const good: readonly [name: string, read: (text: string) => unknown, text: string, value: unknown][] = [
    ['an address with its length', readHostAddress, '10.0.0.2/24', '10.0.0.2/24'],
    ['both addresses of a /31', readHostAddress, '10.0.0.0/31', '10.0.0.0/31'],
    ['a single address', readHostAddress, '10.0.0.2/32', '10.0.0.2/32'],
    ['a gateway', readPlainAddress, '10.0.0.1', '10.0.0.1'],
    ['a MAC address', readMacAddress, '02:00:00:00:00:02', '02:00:00:00:00:02'],
    ['the least number', readNumber(68, 100), '68', 68],
    ['the greatest number', readNumber(68, 100), '100', 100],
    [
      'services',
      readServices,
      'echo,http',
      [
        { name: 'echo', port: 7 },
        { name: 'http', port: 80 },
      ],
    ],
    ['a service on another port', readServices, 'http:8080', [{ name: 'http', port: 8080 }]],
    [
      'a service on two ports',
      readServices,
      'echo,echo:77',
      [
        { name: 'echo', port: 7 },
        { name: 'echo', port: 77 },
      ],
    ],
    ['a service named twice', readServices, 'echo, echo', [{ name: 'echo', port: 7 }]],
    ['no service', readServices, 'none', []],
  ];
  for (const [name, read, text, value] of good) {
    it(`${name}: ${text}`, () => {
      expect(read(text)).to.deep.equal(value);
    });
  }

  const bad: readonly [name: string, read: (text: string) => unknown, text: string, message: RegExp][] = [
    ['an address without a length', readHostAddress, '10.0.0.2', /a\.b\.c\.d\/length/],
    ['three parts', readHostAddress, '10.0.2/24', /a\.b\.c\.d\/length/],
    ['a length above 32', readHostAddress, '10.0.0.2/33', /a\.b\.c\.d\/length/],
    ['a number above 255', readHostAddress, '10.0.0.256/24', /a\.b\.c\.d\/length/],
    ['hexadecimal', readHostAddress, '0x0a.0.0.1/24', /a\.b\.c\.d\/length/],
    ['IPv6', readHostAddress, 'fe80::1/64', /a\.b\.c\.d\/length/],
    ['the network itself', readHostAddress, '10.0.0.0/24', /the network itself/],
    ['the broadcast address', readHostAddress, '10.0.0.255/24', /not an address that a host can have/],
    ['multicast', readHostAddress, '224.0.0.1/24', /not an address that a host can have/],
    ['loopback', readHostAddress, '127.0.0.1/8', /not an address that a host can have/],
    ['0.0.0.0', readHostAddress, '0.0.0.0/0', /not an address that a host can have/],
    ['a gateway with a length', readPlainAddress, '10.0.0.1/24', /a\.b\.c\.d/],
    ['a gateway by name', readPlainAddress, 'gateway', /a\.b\.c\.d/],
    ['five octets', readMacAddress, '02:00:00:00:02', /six octets/],
    ['a group address', readMacAddress, '01:00:5e:00:00:01', /group address/],
    ['below the least', readNumber(68, 100), '67', /from 68 to 100/],
    ['above the greatest', readNumber(68, 100), '101', /from 68 to 100/],
    ['a fraction', readNumber(68, 100), '70.5', /from 68 to 100/],
    ['not a number', readNumber(68, 100), 'many', /from 68 to 100/],
    ['an unknown service', readServices, 'echo,telnet', /'telnet' is no service.*man-page/],
    ['an inherited name', readServices, 'toString', /is no service/],
    ['an empty list', readServices, '', /is no service/],
    ['a service with a bad port', readServices, 'echo:0', /from 1 to 65535/],
    ['a service with two ports', readServices, 'echo:1:2', /is no service/],
  ];
  for (const [name, read, text, message] of bad) {
    it(`${name}: '${text}' is refused with what is wanted`, () => {
      expect(() => read(text)).to.throw(InvalidArgumentError, message);
    });
  }
});
