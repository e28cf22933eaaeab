/** The private zones of the simulated clouds. */

import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import t from 'tap'
import { answerTo } from '../../../../deploy/sim/clouds/names.ts'

const addressOf = (name: string): string | undefined => ({ 'ledger.azure.example': '10.92.0.21' })[name]

t.test('a resolver gets the address, no data for other types, and that there is no other name', async t => {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => socket.send(answerTo(query, addressOf)!, from.port, from.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => void socket.close())
  const resolver = new Resolver({ timeout: 5000, tries: 2 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  t.strictSame(await resolver.resolve4('Ledger.Azure.example'), ['10.92.0.21'])
  await t.rejects(resolver.resolve6('ledger.azure.example'), { code: 'ENODATA' })
  await t.rejects(resolver.resolve4('nobody.azure.example'), { code: 'ENOTFOUND' })
})

t.test('what is no question is not answered', async t => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(40, 0xff), Buffer.from('00010000000100000000000005abc', 'latin1')])
    t.equal(answerTo(bytes, addressOf), undefined)
})
