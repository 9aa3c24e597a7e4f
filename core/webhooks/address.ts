// Which hosts a webhook may not be sent to: everything that is not the public Internet. What cannot be read counts as
// private. This sees names and literal addresses; where a name leads is for the caller to look up and ask again.

import { assert } from '../assert.ts';

/** Top-level labels that never lead to the public Internet (RFC 6761, 6762, 8375, ICANN's `internal`). */
const PRIVATE_NAMES = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'lan',
  'home.arpa',
  'test',
  'onion',
];

/**
 * IPv4 blocks that are not global unicast (IANA special-purpose registry), and 168.63.129.16, where Azure machines
 * reach their host.
 */
const PRIVATE_BLOCKS_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map(readBlock);

/** Blocks inside 2000::/3 that are not global unicast: protocol assignments with Teredo, and documentation. */
const PRIVATE_BLOCKS_V6 = ['2001::/23', '2001:db8::/32', '3fff::/20'].map(readBlock);

const GLOBAL_UNICAST = readBlock('2000::/3');
/** Blocks that carry an IPv4 address, and the bit where it begins: mapped, translated (RFC 6052, SIIT), 6to4. */
const CARRIERS_V6 = [
  { block: readBlock('::ffff:0:0/96'), shift: 0n },
  { block: readBlock('::ffff:0:0:0/96'), shift: 0n },
  { block: readBlock('64:ff9b::/96'), shift: 0n },
  { block: readBlock('2002::/16'), shift: 80n },
];

interface Block {
  readonly network: bigint;
  readonly shift: bigint;
}

/** Whether an IP address, in any spelling a URL parser takes, is not on the public Internet. Unreadable text is. */
export function isPrivateAddress(ip: string): boolean {
  const v4 = readIpv4(ip);
  if (v4 !== null) return isPrivateV4(v4);
  const v6 = readIpv6(ip);
  return v6 === null || isPrivateV6(v6);
}

/**
 * Whether a URL's host is not on the public Internet, as far as its text says. Takes the ASCII form (`new URL().hostname`);
 * other letters count as private. Names of one label are private: nothing public is called so.
 */
export function isPrivateHost(host: string): boolean {
  if (host.startsWith('[') || host.includes(':')) {
    const v6 = readIpv6(host);
    return v6 === null || isPrivateV6(v6);
  }
  // Full-width digits and dots read as their plain forms in every browser and resolver.
  const name = host.normalize('NFKC').replaceAll('。', '.').toLowerCase().replace(/\.$/, '');
  if (name.length > 253 || !/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name)) return true;
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (/^(\d+|0x[0-9a-f]*)$/.test(last)) {
    const v4 = readIpv4(name);
    return v4 === null || isPrivateV4(v4);
  }
  return !name.includes('.') || PRIVATE_NAMES.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

function isPrivateV4(address: bigint): boolean {
  return PRIVATE_BLOCKS_V4.some((block) => address >> block.shift === block.network);
}

function isPrivateV6(address: bigint): boolean {
  for (const { block, shift } of CARRIERS_V6) {
    if (address >> block.shift === block.network) return isPrivateV4((address >> shift) & 0xffff_ffffn);
  }
  if (address >> GLOBAL_UNICAST.shift !== GLOBAL_UNICAST.network) return true;
  return PRIVATE_BLOCKS_V6.some((block) => address >> block.shift === block.network);
}

/** IPv4 as the WHATWG URL standard reads it: one to four numbers, decimal, octal (`0177`) or hexadecimal (`0x7f`). */
function readIpv4(text: string): bigint | null {
  const parts = text.replace(/\.$/, '').split('.', 5);
  if (parts.length > 4) return null;
  let address = 0n;
  for (const [i, part] of parts.entries()) {
    const number = readNumber(part);
    const isLast = i === parts.length - 1;
    // The last number fills all the bytes that are left.
    const bits = BigInt(isLast ? 8 * (5 - parts.length) : 8);
    if (number === null || number >> bits !== 0n) return null;
    address = (address << bits) | number;
  }
  return address;
}

function readNumber(part: string): bigint | null {
  if (part.length > 40) return null;
  if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0n : BigInt(part);
  if (/^0[0-7]+$/.test(part)) return BigInt(`0o${part.slice(1)}`);
  // `09` is octal with a wrong digit: some readers take it as decimal, so it is no address here.
  return /^(0|[1-9]\d*)$/.test(part) ? BigInt(part) : null;
}

/** IPv6 with or without brackets and zone (RFC 4291, 4007), the last 32 bits also as dotted IPv4. */
function readIpv6(text: string): bigint | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const [address = ''] = bare.split('%', 1);
  if (address.length > 45) return null;
  const dotted = /^(.*:)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.exec(address);
  const tail = dotted ? readIpv4(dotted[2] ?? '') : null;
  if (dotted && tail === null) return null;
  const plain =
    dotted && tail !== null ? `${dotted[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}` : address;
  const halves = plain.split('::', 3);
  if (halves.length > 2) return null;
  const [head, rest] = halves.map((half) => (half === '' ? [] : half.split(':', 9)));
  if (!head || ![...head, ...(rest ?? [])].every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const missing = 8 - head.length - (rest?.length ?? 0);
  if (rest ? missing < 1 : missing !== 0) return null;
  const groups = rest ? [...head, ...Array<string>(missing).fill('0'), ...rest] : head;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function readBlock(text: string): Block {
  const [address = '', length = ''] = text.split('/');
  const bits = address.includes(':') ? 128 : 32;
  const value = bits === 128 ? readIpv6(address) : readIpv4(address);
  assert(value !== null, 'the tables of blocks are well formed');
  const shift = BigInt(bits - Number(length));
  return { network: value >> shift, shift };
}
