import fc from 'fast-check'
import t from 'tap'
import { whyNot } from '../../../deploy/sim/can-simulate.ts'
import { createDueQueue } from '../../../deploy/sim/due-queue.ts'
import { leftOver, ownerMark } from '../../../deploy/sim/left-over.ts'
import { changeLink, linkProblems, perfectLink } from '../../../deploy/sim/link.ts'
import { startNetwork } from '../../../deploy/sim/network.ts'
import { networkProblems, planSites } from '../../../deploy/sim/plan.ts'
import type { ProcessEntry } from '../../../deploy/sim/process-table.ts'

t.test('a bad description is refused with all its problems at once', async t => {
  const bad = {
    sites: { 'Two words': {}, aws: { interfaceMtu: 900 } },
    links: [{ from: 'aws', to: 'mars', loss: 2, colour: 'red', mtu: 1400.5 }],
    seed: 0.5,
  }
  const problems = networkProblems(bad)
  t.match(problems, [
    /site "Two words": want a-z/,
    /site aws: interfaceMtu is 900, want a whole number from 1280/,
    /link aws to mars: unknown site "mars": want one of/,
    /loss is 2, want a number from 0 to 1/,
    /unknown link setting colour: want one of delayMs/,
    /mtu is 1400.5, want a whole number from 68/,
    /seed is 0.5/,
  ])
  t.equal(problems.length, 7)
  await t.rejects(startNetwork(bad as Parameters<typeof startNetwork>[0]), /Two words.*colour/)
  t.match(networkProblems({ sites: {} }), [/0 sites/])
})

t.test('a good description has no problems, and settings that may be unset can be', async t => {
  t.strictSame(linkProblems({ ...perfectLink, mtu: undefined, clampMss: null, dropTcpPorts: [443] }), [])
  t.match(linkProblems({ delayMs: undefined, constructor: 1 }), [/delayMs can't be unset/, /unknown link setting constructor/])
  t.strictSame(changeLink({ ...perfectLink, mtu: 1400, clampMss: 1300 }, { mtu: undefined, clampMss: null, delayMs: 4 }), {
    ...perfectLink,
    delayMs: 4,
  })
})

t.test('two hundred and fifty sites have addresses and interfaces of their own', async t => {
  const sites = planSites(Object.fromEntries(Array.from({ length: 250 }, (_, at) => [`s${at}`, {}])))
  for (const key of ['address', 'address6', 'gateway', 'gateway6', 'mac', 'gatewayMac', 'routerInterface'] as const)
    t.equal(new Set(sites.map(site => site[key])).size, 250, key)
})

t.test('the queue gives back what is due, the earliest first and equal times in order', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), fc.nat(25), (times, nowMs) => {
      const queue = createDueQueue<number>()
      for (const [at, time] of times.entries()) queue.push(at, time)
      const got: number[] = []
      for (let item = queue.pop(nowMs); item !== undefined; item = queue.pop(nowMs)) got.push(item)
      const wanted = [...times.entries()].sort(([a, x], [b, y]) => x - y || a - b).filter(([, time]) => time <= nowMs)
      const left = times.filter(time => time > nowMs)
      return got.join() === wanted.map(([at]) => at).join() && queue.nextMs() === Math.min(Number.POSITIVE_INFINITY, ...left)
    }),
  )
})

t.test('which processes were left over', async t => {
  const entry = (pid: number, words: string[], more: Partial<ProcessEntry> = {}): ProcessEntry => ({
    ...{ pid, parent: 1, startedAt: '5', arguments: words, numbers: [pid] },
    ...more,
  })
  const alive = entry(10, ['node'])
  const processes = [
    alive,
    entry(20, ['unshare', ownerMark(alive)]),
    entry(21, ['unshare', ownerMark({ pid: 11, startedAt: '5' })]),
    entry(22, ['node', ownerMark({ pid: 11, startedAt: '5' })], { numbers: [22, 1] }),
    entry(23, ['unshare', ownerMark({ pid: 10, startedAt: '4' })]),
    entry(24, ['unshare', ownerMark({ pid: 11, startedAt: '5' })], { numbers: [24, 7] }),
    entry(25, ['sleep', 'infinity']),
  ]
  t.strictSame(leftOver(processes), [21, 22, 23], 'owner gone, its WAN, number used again; not of another process namespace')
})

t.test('a host that forbids namespaces is told what to change', async t => {
  const table: [output: string, settings: Record<string, string>, wanted: RegExp][] = [
    ['', { 'kernel/unprivileged_userns_clone': '0' }, /sudo sysctl -w kernel.unprivileged_userns_clone=1$/],
    ['', { 'user/max_user_namespaces': '0' }, /sudo sysctl -w user.max_user_namespaces=/],
    ['', { 'kernel/apparmor_restrict_unprivileged_userns': '1' }, /sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0$/],
    ['Error: Unknown device type.\n', {}, /modprobe veth/],
    [
      'unshare: unshare failed: Operation not permitted\n',
      {},
      /docker run --privileged \(unshare: unshare failed: Operation not permitted\)$/,
    ],
  ]
  for (const [output, settings, wanted] of table)
    t.match(
      whyNot(output, name => settings[name]),
      wanted,
    )
})
