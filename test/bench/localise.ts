/**
 * Localising in a mesh of packets: how often the places are right, and what a million paths cost. Prints JSON.
 * `node test/bench/localise.ts [trials=500]`
 */
import { localise } from '../../controller/localise/localise.ts'
import { faultMakers } from '../sim-mesh/faults.ts'
import { seeded } from '../sim-mesh/random.ts'
import { buildWorld, planPairs } from '../sim-mesh/topology.ts'
import { playMesh } from '../sim-mesh/trial.ts'
import { type Asked, runTrials } from '../sim-mesh/trials.ts'

const small = { clouds: 3, regionsPerCloud: 3, zonesPerRegion: 2, agents: 50, agentsPerNode: 2, servicesPerRegion: 2 }
const large = { clouds: 4, regionsPerCloud: 10, zonesPerRegion: 3, agents: 10_000, agentsPerNode: 2, servicesPerRegion: 5 }

const shares = (asked: Asked) => {
  const { trials, allRight, exact, injected, found, falsePlaces, directed, misses } = runTrials(asked)
  return {
    agents: asked.shape.agents,
    faults: asked.faults,
    flipped: asked.flipped,
    trials,
    allFound: allRight / trials,
    exactlyThose: exact / trials,
    falsePlaces: found === 0 ? 0 : falsePlaces / found,
    directionToo: injected === 0 ? undefined : directed / injected,
    misses: misses.slice(0, 20),
  }
}

/** CPU of one answer, by what is wrong: the quickest of five, since the machine has other work. */
const costs = () =>
  [0, 0.01].map(flipped => {
    const random = seeded(5)
    const world = buildWorld(large, random)
    const pairs = planPairs(world, 16, random)
    const injected = faultMakers[4]!(world, random)
    injected.apply()
    const paths = playMesh(pairs, [injected], flipped, random)
    const cpuMs = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage()
      localise(paths)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    })
    return {
      paths: paths.length,
      bad: paths.filter(({ verdict }) => verdict === 'bad').length,
      flipped,
      cpuMs: Math.round(Math.min(...cpuMs)),
    }
  })

const trials = Number(process.argv[2] ?? 500)
const accuracy = [0, 1, 2].map(faults => shares({ shape: small, degree: 24, faults, trials, flipped: 0.01, seed: 11 + faults }))
const big = [1, 2].map(faults =>
  shares({ shape: large, degree: 16, faults, trials: Math.ceil(trials / 250), flipped: 0.01, seed: 21 + faults }),
)
console.log(JSON.stringify({ accuracy: [...accuracy, ...big], costs: costs() }, null, 2))
