import t from 'tap'
import { advertiseOf, servesOf } from '../../../agent/controller/enrolment.ts'
import { localAddressTo } from '../../../agent/controller/local-address.ts'

const usual = { tcp: 7460, tls: 7461, mtls: null }

t.test('where others reach the responder: as configured, else where the controller is reached from', async t => {
  t.same(advertiseOf([], usual, '10.0.0.5'), [{ scope: 'pod', host: '10.0.0.5' }])
  t.same(advertiseOf([], { ...usual, tcp: 1234 }, '10.0.0.5'), [{ scope: 'pod', host: '10.0.0.5', ports: { echo: 1234 } }])
  t.same(advertiseOf([], usual, undefined), [])
  const node = { scope: 'node', host: '203.0.113.7', ports: { echo: 30_460 } } as const
  t.same(advertiseOf([node], { ...usual, tcp: 1234, tls: 99 }, '10.0.0.5'), [
    { scope: 'node', host: '203.0.113.7', ports: { echo: 30_460, tls: 99 } },
  ])
  t.same(servesOf(usual), ['echo', 'tls'])
})

t.test('an address that means nothing to others is none', async t => {
  // Towards a controller on this machine: where others would reach it, if it has such an address at all.
  for (const loopback of ['127.0.0.1', '::1']) t.notMatch(await localAddressTo(loopback, 80), /^(127\.|::1$|fe80:)/)
  t.equal(await localAddressTo('no-such-host.invalid', 80), undefined)
})
