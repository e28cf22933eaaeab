/** What a bad agent, or nobody in particular, may send to the real controller: none of it ends it, fills its memory or keeps others waiting. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { decodeMetrics, encodeMetrics, type Message, type Point } from '../../wire/otlp-messages.ts'
import { windows } from '../ingest/agents.ts'
import { startRealController } from '../programs/real-controller.ts'

t.setTimeout(400_000)
const MiB = 2 ** 20
const controller = await startRealController(t)
/** `windows` are of agent-1. */
const [own, other, flooding] = [await controller.enrol('agent-1'), await controller.enrol('agent-2'), await controller.enrol('agent-3')]

let sequence = 0
const post = async (credential: string, body: Buffer | Uint8Array, headers: Record<string, string> = {}, signal = 'metrics') => {
  const batch = { 'causeway-boot': 'b', 'causeway-sequence': String(sequence++), 'content-type': 'application/x-protobuf' }
  const answer = await controller.ask(`/v1/${signal}`, credential, {
    method: 'POST',
    headers: { ...batch, ...headers },
    body: body as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(60_000),
  })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}
const gzip = { 'content-encoding': 'gzip' }
const plain = gunzipSync(windows[0]!.body)
/** A batch whose every point is changed. */
const changed = (change: (point: Point) => Point): Buffer => {
  const message = decodeMetrics(plain) as Message
  for (const { scopeMetrics = [] } of message.resourceMetrics ?? [])
    for (const { metrics = [] } of scopeMetrics)
      for (const { gauge, sum, exponentialHistogram } of metrics)
        for (const data of [gauge, sum, exponentialHistogram]) if (data?.dataPoints) data.dataPoints = data.dataPoints.map(change)
  return encodeMetrics(message)
}
/** Messages within messages, most of them in fields that nobody knows. */
const nested = (depth: number): Buffer => {
  let bytes = Buffer.from('x')
  const length = (value: number): Buffer => {
    const out: number[] = []
    for (let rest = value; ; rest >>>= 7) {
      if (rest < 128) return Buffer.from([...out, rest])
      out.push((rest & 127) | 128)
    }
  }
  for (let k = 0; k < depth; k++) bytes = Buffer.concat([Buffer.of(k % 2 ? 0x0a : 0x32), length(bytes.length), bytes])
  return Buffer.concat([Buffer.of(0x0a), length(bytes.length), bytes])
}
const shift = (ms: number) =>
  changed(point => {
    const move = (time: string | undefined) => String(BigInt(time ?? 0) + BigInt(ms) * 1_000_000n)
    return { ...point, startTimeUnixNano: move(point.startTimeUnixNano), timeUnixNano: move(point.timeUnixNano) }
  })
const bad = (value: number) =>
  changed(point => ({ ...point, ...(point.count === undefined ? { asDouble: value } : { sum: value, min: value, max: value }) }))

t.test('bombs, depths and floods of names are refused in bounded memory, and what else is wrong is rejected by its name', async t => {
  t.match(await post(own, windows[0]!.body, gzip), { status: 200, text: /not_owned/ }, 'paths that are not its own')
  const bomb = gzipSync(Buffer.alloc(512 * MiB), { level: 1 })
  const names = encodeMetrics({
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'causeway.probe.runs',
                sum: {
                  aggregationTemporality: 1,
                  isMonotonic: true,
                  dataPoints: Array.from({ length: 100_000 }, (_, k) => ({
                    timeUnixNano: `${Date.now()}000000`,
                    startTimeUnixNano: `${Date.now() - 10_000}000000`,
                    asInt: '1',
                    attributes: [{ key: 'causeway.target', value: { stringValue: `t-${k}` } }],
                  })),
                },
              },
            ],
          },
        ],
      },
    ],
  })
  const namesGzip = gzipSync(names)
  // One that hides at its end how much is in it.
  const hidden = Buffer.concat([bomb.subarray(0, -4), Buffer.of(0, 1, 0, 0)])
  const round = async (): Promise<void> => {
    for (const one of [bomb, hidden]) t.match(await post(own, one, gzip), { status: 413, text: /when inflated/ })
    t.match(await post(own, namesGzip, gzip), { status: 413, text: /more than 50000 data points/ })
  }
  // What zlib has set aside is collected only when there are 64 MiB of it (V8, external memory): that much is had once, and no more.
  for (let k = 0; k < 6; k++) await round()
  controller.forgetPeak()
  const before = controller.peakBytes()
  for (let k = 0; k < 10; k++) await round()
  const grownMiB = (controller.peakBytes() - before) / MiB
  t.ok(grownMiB < 128, `${grownMiB.toFixed(0)} MiB more than ${(before / MiB).toFixed(0)} MiB`)
  t.match(await post(own, nested(10_000)), { status: /^(200|400)$/ })
  t.match(await post(own, nested(10_000), {}, 'logs'), { status: /^(200|400)$/ })
  t.match(await post(own, Buffer.from('{"resourceMetrics":'.repeat(10_000)), { 'content-type': 'application/json' }), {
    status: /^(400|413)$/,
  })
  t.match(await post(own, Buffer.from('[')), { status: 400 })
  t.match(await post(own, windows[0]!.body.subarray(0, 100), gzip), { status: 400 }, 'half')
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])
    t.match(await post(own, bad(value)), { status: 200, text: /× (not_finite|negative|inconsistent)/ }, String(value))
  for (const [name, hours] of [
    ['the future', 1],
    ['long ago', -27],
  ] as const)
    t.match(await post(own, shift(hours * 3_600_000)), { status: 200, text: /× (in_future|too_old)/ }, name)
})

t.test('nobody is another agent: by a header and by what is in the data it is 403, and counted', async t => {
  const countOf = async (): Promise<number> => {
    const page = await (await controller.ask('/metrics')).text()
    return Number(/^causeway_controller_otlp_requests_total\{signal="metrics",status="403"\} (\d+)/m.exec(page)?.[1] ?? 0)
  }
  const before = await countOf()
  t.match(await post(own, windows[0]!.body, { ...gzip, 'causeway-agent': 'agent-2' }), { status: 403 })
  t.match(await post(other, windows[0]!.body, gzip), { status: 403, text: /that of another agent/ })
  t.equal((await countOf()) - before, 2)
})

const medianMs = async (work: () => Promise<unknown>, times: number): Promise<number> => {
  const all: number[] = []
  for (let k = 0; k < times; k++) {
    const startMs = performance.now()
    await work()
    all.push(performance.now() - startMs)
  }
  return all.sort((a, b) => a - b)[times >> 1]!
}

t.test('an agent that floods is told when to come again, and others are as fast as before', async t => {
  const asOther = async (): Promise<void> => void (await post(other, Buffer.alloc(0)))
  const quietMs = await medianMs(asOther, 20)
  const statuses = new Set<number>()
  let [isOver, waits] = [false, true]
  const flood = async (): Promise<void> => {
    while (!isOver) {
      const { status, headers } = await post(flooding, windows[0]!.body, gzip)
      statuses.add(status)
      if (status === 429) waits &&= Number(headers.get('retry-after')) > 0
    }
  }
  const floods = Array.from({ length: 8 }, flood)
  while (!statuses.has(429)) await asOther()
  const busyMs = await medianMs(asOther, 20)
  isOver = true
  await Promise.all(floods)
  t.ok(waits)
  t.ok(busyMs < 20 * quietMs + 200, `${busyMs.toFixed(1)} ms, and ${quietMs.toFixed(1)} ms when nobody floods`)
})

const dial = async (t: Test): Promise<Socket> => {
  const socket = connect({ port: controller.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}
/** What it said until it hung up. */
const untilEnd = async (socket: Socket): Promise<string> => {
  let said = ''
  socket.on('data', text => (said += String(text)))
  socket.on('end', () => socket.end())
  if (!socket.destroyed) await once(socket, 'close')
  return said
}

t.test('slow headers, slow bodies and 2,000 idle connections are ended, and keep nobody from being served', async t => {
  const idle: Socket[] = []
  while (idle.length < 2000) {
    idle.push(...(await Promise.all(Array.from({ length: 250 }, () => dial(t)))))
    // Answered after all of them have been accepted: one that the kernel dropped from a full queue would never hear of its end.
    await controller.ask('/healthz')
  }
  const [head, body] = [await dial(t), await dial(t)]
  head.write('GET /healthz HTTP/1.1\r\nhost: a\r\nx: ')
  body.write('POST /v1/enrol HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n')
  const drip = setInterval(() => {
    head.write('x')
    body.write(' ')
  }, 1000)
  t.teardown(() => clearInterval(drip))
  t.ok((await medianMs(() => controller.ask('/healthz'), 20)) < 1000)
  const [slowHead, slowBody, ...rest] = await Promise.all([head, body, ...idle].map(untilEnd))
  clearInterval(drip)
  t.match(slowHead, /^HTTP\/1\.1 408 .*problem\+json.*"status":408/s)
  t.match(slowBody, /^HTTP\/1\.1 408 /)
  t.equal(rest.length, 2000)
  t.equal((await controller.ask('/readyz')).status, 200)
})

t.test('what is no HTTP, or half of it, gets a problem document and an end', async t => {
  const say = async (text: string): Promise<string> => {
    const socket = await dial(t)
    socket.end(text)
    return await untilEnd(socket)
  }
  t.match(
    await say('GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 200 /,
    'closed on its side, and answered',
  )
  for (const [text, status] of [
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 400],
    ['GET / HTTP/9.9\r\n\r\n', 400],
    ['POST /v1/enrol HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
    ['POST /v1/enrol HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const)
    t.match(await say(text), new RegExp(`^HTTP/1\\.1 ${status} .*problem\\+json`, 's'), JSON.stringify(text.slice(0, 40)))
  await say('POST /v1/enrol HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"proof"')
  t.equal((await controller.ask('/readyz')).status, 200)
})
