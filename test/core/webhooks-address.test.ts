import { BlockList, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPrivateAddress, isPrivateHost } from '../../core/webhooks/address.ts';

const PRIVATE_V4 = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '239.255.255.255'],
  ['240.0.0.0', '255.255.255.255'],
] as const;

const neighbour = (ip: string, by: number) => {
  const number = ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + by;
  if (number < 0 || number > 0xffffffff) return null;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
};

test.each(PRIVATE_V4)(
  '[ADDRESS-1] the block %s to %s is private at both ends, and public next to them',
  (first, last) => {
    expect([isPrivateAddress(first), isPrivateAddress(last)]).toEqual([true, true]);
    for (const next of [neighbour(first, -1), neighbour(last, 1)]) {
      const isInAnother = next === null || PRIVATE_V4.some(([from, to]) => next === from || next === to);
      if (!isInAnother) expect([next, isPrivateAddress(next)]).toEqual([next, false]);
    }
  },
);

test.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '168.63.129.17'])(
  '[ADDRESS-1] %s is public, as address and as host',
  (ip) => {
    expect([isPrivateAddress(ip), isPrivateHost(ip), isPrivateHost(`${ip}.`)]).toEqual([false, false, false]);
  },
);

test.each([
  '2130706433',
  '0x7f000001',
  '0x7F.1',
  '0177.0.0.1',
  '017700000001',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  '0',
  '0x',
  '0xA9FEA9FE',
  '169.254.169.254',
  '168.63.129.16',
  '3232235777',
  '１２７.0.0.1',
  '127。0。0。1',
  '09.1.1.1',
  '256.1.1.1',
  '1.2.3.4.5',
  '99999999999',
  '1.2.3.0x100',
])('[ADDRESS-1] the host %s is private or no address at all', (host) => {
  expect(isPrivateHost(host)).toBe(true);
});

test.each([
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:0:127.0.0.1',
  '::127.0.0.1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b:1::8.8.8.8',
  '2002:7f00:1::',
  '2002:c0a8:101::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:db8::1',
  '3fff::1',
  '100::1',
  '4000::1',
  '5f00::1',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '12345::1',
  '2606:4700::1111::',
  '::ffff:1.2.3',
  '::ffff:1.2.3.999',
  'g::1',
])('[ADDRESS-1] the IPv6 text %s is private or no address at all, also in brackets', (ip) => {
  expect([isPrivateAddress(ip), isPrivateHost(ip), isPrivateHost(`[${ip}]`)]).toEqual([true, true, true]);
});

test.each([
  '2606:4700:4700::1111',
  '2001:4860:4860::8888',
  '2a00:1450:4001:82b::200e',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
])('[ADDRESS-1] %s is public, also in brackets', (ip) => {
  expect([isPrivateAddress(ip), isPrivateHost(`[${ip}]`)]).toEqual([false, false]);
});

test.each([
  '',
  '.',
  'localhost',
  'LOCALHOST.',
  'app.localhost',
  'printer.local',
  'metadata.google.internal',
  'redis',
  'router.lan',
  'nas.home.arpa',
  'ｌocalhost',
  'a b.example',
  'bücher.example',
  '127.0.0.1%2e',
  'example..com',
  `${'a.'.repeat(130)}com`,
])('[ADDRESS-1] the name %j does not lead to the public Internet', (host) => {
  expect(isPrivateHost(host)).toBe(true);
});

test.each([
  'example.com',
  'hooks.example.co.uk',
  'local.example.com',
  'xn--bcher-kva.example',
  'internal.io',
  'a_b.example',
])('[ADDRESS-1] the name %s may be public', (host) => {
  expect(isPrivateHost(host)).toBe(false);
});

test('[ADDRESS-1] every spelling of an IPv4 address that a URL takes is judged as the address itself', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const spell = fc.constantFrom(
    (n: number) => String(n),
    (n: number) => `0x${n.toString(16)}`,
    (n: number) => `0${n.toString(8)}`,
    (n: number) => `0X00${n.toString(16).toUpperCase()}`,
  );
  fc.assert(
    fc.property(
      fc.tuple(byte, byte, byte, byte),
      fc.integer({ min: 1, max: 4 }),
      fc.array(spell, { minLength: 4, maxLength: 4 }),
      fc.boolean(),
      (bytes, parts, spells, dot) => {
        const plain = bytes.join('.');
        const head = bytes.slice(0, parts - 1);
        const rest = bytes.slice(parts - 1).reduce((sum, one) => sum * 256 + one, 0);
        const host =
          [...head, rest].map((n, i) => (n === 0 ? '0' : (spells[i] ?? String)(n))).join('.') + (dot ? '.' : '');
        // The oracle for the spelling is the platform's own URL parser.
        expect(new URL(`http://${host}/`).hostname).toBe(plain);
        expect(isPrivateHost(host)).toBe(isPrivateAddress(plain));
        expect(isPrivateAddress(`::ffff:${plain}`)).toBe(isPrivateAddress(plain));
        expect(isPrivateHost(new URL(`http://[64:ff9b::${plain}]/`).hostname)).toBe(isPrivateAddress(plain));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('[ADDRESS-1] IPv4 blocks agree with the platform, address by address', () => {
  const list = new BlockList();
  for (const [first, last] of PRIVATE_V4) list.addRange(first, last);
  list.addSubnet('192.88.99.0', 24);
  list.addAddress('168.63.129.16');
  fc.assert(
    fc.property(fc.ipV4(), (ip) => {
      expect(isPrivateAddress(ip)).toBe(list.check(ip));
    }),
    { numRuns: 5_000 },
  );
});

test('[ADDRESS-1] IPv6 blocks agree with the platform, and every spelling reads the same', () => {
  const list = new BlockList();
  list.addSubnet('2001::', 23, 'ipv6');
  list.addSubnet('2001:db8::', 32, 'ipv6');
  list.addSubnet('3fff::', 20, 'ipv6');
  const global = new BlockList();
  global.addSubnet('2000::', 3, 'ipv6');
  const group = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constant(0));
  const first = fc.oneof(group, fc.constantFrom(0x2001, 0x2606, 0x3fff, 0x2003, 0xfe80));
  fc.assert(
    fc.property(first, fc.array(group, { minLength: 7, maxLength: 7 }), (head, tail) => {
      const full = [head, ...tail].map((n) => n.toString(16)).join(':');
      const short = new URL(`http://[${full}]/`).hostname;
      expect(isIPv6(full)).toBe(true);
      expect(isPrivateHost(short)).toBe(isPrivateAddress(full));
      fc.pre(head !== 0x2002 && !(head === 0x64 && tail[0] === 0xff9b) && head !== 0);
      expect(isPrivateAddress(full)).toBe(!global.check(full, 'ipv6') || list.check(full, 'ipv6'));
    }),
    { numRuns: 2_000 },
  );
});

test('[ADDRESS-1] any text is judged, none throws, and one that is not an address is private', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.stringMatching(/^[0-9a-fx.:%[\]-]{0,40}$/)),
      (text) => {
        expect(typeof isPrivateHost(text)).toBe('boolean');
        expect(isPrivateAddress(`${text}!`)).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});
