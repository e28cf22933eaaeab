/**
 * An agent whose configuration changes every second: of 400 paths, twenty go and twenty others come, by the file and its hot reload. Memory
 * and descriptors must stay flat: their slope over the second half, by least squares, is what is held against the bar.
 */
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addresses, checksOf } from './agent-checks.ts'
import { startAgentProcess, sumOf } from './agent-process.ts'
import { startChild } from './child.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { note, report } from './report.ts'
import { needTools } from './tools.ts'

const server = fileURLToPath(new URL('programs/tcp-server.ts', import.meta.url))
const [held, changed] = [400, 20]
/** As many targets as there are before the first ones come again. */
const circle = 20_000
const bars = { rssBytesPerHour: 20e6, descriptorsPerHour: 5 }
const port = 9464
const sampleEveryMs = 5000

const options = { seconds: { type: 'string', default: '900' } } as const

type Sample = { atS: number; rssBytes: number; descriptors: number }

/** Per second, by least squares. */
const slopeOf = (points: readonly (readonly [number, number])[]): number => {
  const [meanX, meanY] = [0, 1].map(k => points.reduce((sum, point) => sum + point[k]!, 0) / points.length) as [number, number]
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

const perHour = (samples: readonly Sample[], pick: (sample: Sample) => number): number =>
  Number((slopeOf(samples.map(sample => [sample.atS, pick(sample)] as const)) * 3600).toPrecision(4))

await report(async () => {
  needTools('setpriv')
  enterOwnNetwork()
  const seconds = Number(parseArgs({ options }).values.seconds)
  const listener = await startChild([process.execPath, server, '0.0.0.0'], '}\n')
  const listening = (JSON.parse(listener.lines) as { port: number }).port
  const all = addresses(circle)
  const configAt = (turn: number) => {
    const first = (turn * changed) % circle
    const now = Array.from({ length: held }, (_, i) => all[(first + i) % circle]!)
    return checksOf({ icmp: now.slice(0, held / 2), tcp: now.slice(held / 2), port: listening })
  }
  const agent = await startAgentProcess({ config: configAt(0), port })
  const samples: Sample[] = []
  const start = performance.now()
  try {
    for (let turn = 1, nextSampleMs = 0; performance.now() - start < seconds * 1000; turn++) {
      agent.configure(configAt(turn))
      const atMs = performance.now() - start
      if (atMs >= nextSampleMs) {
        nextSampleMs += sampleEveryMs
        samples.push({ atS: atMs / 1000, rssBytes: agent.rssBytes(), descriptors: agent.descriptors() })
        if (samples.length % 12 === 0) note(`${Math.round(atMs / 1000)} s: ${JSON.stringify(samples.at(-1))}`)
      }
      await new Promise(resolve => setTimeout(resolve, Math.max(1, start + turn * 1000 - performance.now())))
    }
    const page = await agent.scrape()
    const second = samples.slice(samples.length / 2)
    const slopes = {
      rssBytesPerHour: perHour(second, sample => sample.rssBytes),
      descriptorsPerHour: perHour(second, sample => sample.descriptors),
    }
    return {
      bench: 'agent-soak',
      machine: machine(),
      what: `${held} paths, ${changed} of them others every second, for ${seconds} s`,
      reloads: agent.said().split('"msg":"configuration changed"').length - 1,
      first: samples[0],
      middle: second[0],
      last: samples.at(-1),
      most: {
        rssBytes: Math.max(...samples.map(sample => sample.rssBytes)),
        descriptors: Math.max(...samples.map(sample => sample.descriptors)),
      },
      slopesOfSecondHalf: slopes,
      bars,
      runs: sumOf(page, 'causeway_probe_runs_total'),
      load: loadavg()[0],
      pass: slopes.rssBytesPerHour <= bars.rssBytesPerHour && slopes.descriptorsPerHour <= bars.descriptorsPerHour,
    }
  } finally {
    await agent.stop()
    await listener.stop()
  }
})
