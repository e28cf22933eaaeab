import { networkInterfaces } from 'node:os'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import * as libc from '../../../probes/net/libc.ts'
import { addressAt, familyOf, sockaddr } from '../../../probes/net/sockaddr.ts'

const port = fc.integer({ min: 0, max: 65_535 })

t.test('an IPv4 address prints back, with its port in network order', async () => {
  fc.assert(
    fc.property(fc.ipV4(), port, (address, port) => {
      const b = sockaddr(address, port)
      return b.length === 16 && addressAt(b) === address && b.readUInt16BE(2) === port
    }),
  )
})

t.test('an IPv6 address prints back in its shortest form', async () => {
  fc.assert(
    fc.property(fc.ipV6(), port, (address, port) => {
      const b = sockaddr(address, port)
      return b.length === 28 && addressAt(b) === ipaddr.parse(address).toString() && b.readUInt16BE(2) === port
    }),
  )
})

t.test('an address is found behind other bytes, and not where there is none', async t => {
  t.equal(addressAt(Buffer.concat([Buffer.alloc(7), sockaddr('192.0.2.1')]), 7), '192.0.2.1')
  t.equal(addressAt(Buffer.alloc(28)), undefined)
})

t.test('the kernel reads the same address', async t => {
  for (const address of ['127.0.0.77', '::1']) {
    const fd = libc.socket(familyOf(address) === 4 ? libc.AF_INET : libc.AF_INET6, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0)
    const at = sockaddr(address)
    t.equal(libc.bind(fd, at, at.length), 0)
    const told = Buffer.alloc(28)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(told.length)
    t.equal(libc.getsockname(fd, told, length), 0)
    t.equal(addressAt(told), address)
    t.equal(length.readUInt32LE(), at.length)
    libc.close(fd)
  }
})

t.test('a zone is the number of an interface, by number or by name', async t => {
  t.equal(sockaddr('fe80::1%7').readUInt32LE(24), 7)
  t.equal(sockaddr('fe80::1').readUInt32LE(24), 0)
  t.equal(sockaddr('fe80::1%no-such-interface').readUInt32LE(24), 0)
  const [name, entry] =
    Object.entries(networkInterfaces())
      .flatMap(([name, entries]) => (entries ?? []).map(entry => [name, entry] as const))
      .find(([, entry]) => entry.family === 'IPv6' && entry.scopeid > 0) ?? []
  if (name && entry?.family === 'IPv6') t.equal(sockaddr(`fe80::1%${name}`).readUInt32LE(24), entry.scopeid)
})

const families: [text: string, family: 4 | 6 | undefined][] = [
  ['127.0.0.1', 4],
  ['::1', 6],
  ['fe80::1%eth0', 6],
  ['::ffff:10.0.0.1', 6],
  ['127.1', undefined],
  ['0x7f.0.0.1', undefined],
  ['256.0.0.1', undefined],
  ['127.0.0.1%lo', undefined],
  ['[::1]', undefined],
  ['svc.test', undefined],
  ['', undefined],
]

t.test('only an address literal has a family', async t => {
  for (const [text, family] of families) t.equal(familyOf(text), family, JSON.stringify(text))
  fc.assert(fc.property(fc.string(), text => [4, 6, undefined].includes(familyOf(text))))
})
