import { once } from 'node:events'
import t from 'tap'
import * as libc from '../../../probes/net/libc.ts'
import { optionBytes, socketError, tcpInfo, tcpState } from '../../../probes/net/tcp-info.ts'
import { dial, infoOf } from '../../../probes/net/tcp-socket.ts'
import { tcpServers } from '../../servers/tcp-servers.ts'
import { started } from '../targets.ts'

const never = new AbortController().signal

t.test('what is no TCP socket has no TCP_INFO', async t => {
  const udp = libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0)
  t.equal(tcpInfo(udp), undefined)
  t.equal(tcpState(udp), -1)
  libc.close(udp)
  t.equal(tcpInfo(udp), undefined, 'closed')
  t.equal(tcpInfo(-1), undefined)
  t.equal(socketError(-1), 9, 'EBADF')
})

t.test('a socket that never connected is closed, and has no error', async t => {
  const fd = libc.socket(libc.AF_INET, libc.SOCK_STREAM | libc.SOCK_CLOEXEC, 0)
  t.equal(tcpState(fd), 7)
  t.match(tcpInfo(fd), { state: 7, bytesAcked: 0, bytesReceived: 0, totalRetransmits: 0 })
  t.equal(socketError(fd), 0)
  libc.close(fd)
})

for (const host of ['127.0.0.1', '::1'])
  t.test(`${host}: what was sent and echoed is counted to the byte`, async t => {
    const server = await started(t, tcpServers.echo({ host }))
    const socket = await dial({ address: host, family: host === '::1' ? 6 : 4, port: server.port }, never)
    t.teardown(() => socket.destroy())
    const before = infoOf(socket)!
    t.match(before, { state: 1, bytesReceived: 0, unacked: 0, totalRetransmits: 0 })
    t.ok(before.rttMs > 0 && before.rttMs < 1000, `rtt ${before.rttMs} ms`)
    t.ok(before.advMss + optionBytes(before) >= 1220, `loopback carries segments of ${before.advMss} bytes`)
    let back = 0
    socket.write(Buffer.alloc(5000))
    while (back < 5000) back += ((await once(socket, 'data')) as [Buffer])[0].length
    const after = infoOf(socket)!
    t.match(after, { state: 1, bytesReceived: 5000, unacked: 0, bytesSent: 5000, outOfOrder: 0 })
    t.equal(after.bytesAcked, 5001, 'the SYN counts as one')
    t.ok(after.dataSegmentsOut >= 1 && after.dataSegmentsIn >= 1 && after.segmentsOut >= after.dataSegmentsOut)
    t.ok(after.minRttMs <= after.rttMs * 8 && after.minRttMs >= 0)
  })
