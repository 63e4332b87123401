import { BlockList, isIPv6 } from 'node:net'

/** Networks that are nobody's on the internet: this host, inner networks, link-local (where clouds keep their machines' credentials), and what is reserved. */
const IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
const IPV6: readonly (readonly [string, number])[] = [
  ['::', 128],
  ['::1', 128],
  // Within these an IPv4 address is spoken to by another name: 6to4, Teredo, and the local part of NAT64.
  ['2002::', 16],
  ['2001::', 32],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]
const NAT64 = '64:ff9b::'
const NAT64_BITS = 96

/** An IPv6 rule of an IPv4 address holds for it in its mapped form too: Node compares them as one. */
export const privateAddresses: BlockList = listed()

function listed(): BlockList {
  const list = new BlockList()
  for (const [net, bits] of IPV4) {
    list.addSubnet(net, bits, 'ipv4')
    const [a = 0, b = 0, c = 0, d = 0] = net.split('.').map(Number)
    list.addSubnet(`${NAT64}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`, NAT64_BITS + bits, 'ipv6')
    // `::a.b.c.d`, which is out of use and yet understood.
    list.addSubnet(`::${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`, 96 + bits, 'ipv6')
  }
  for (const [net, bits] of IPV6) list.addSubnet(net, bits, 'ipv6')
  return list
}

export function isPrivateAddress(address: string): boolean {
  return privateAddresses.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
