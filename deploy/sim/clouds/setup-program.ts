/**
 * Writes what the containers of the simulation share: `node setup-program.ts <folder> <data>`, where `data` is the directory in which each of them keeps its own.
 * What is there and good for some days more stays, so that containers may be started again one by one.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { containerLayout } from './containers.ts'
import { files } from './folder.ts'
import { setUp } from './setup.ts'

/** SVIDs of the set-up are good for a week. */
const goodForMs = 5 * 86_400_000

const [folder, data] = process.argv.slice(2) as [string, string]

const ageMs = (path: string): number => {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** All of them, so that a folder of another version is written anew. */
const isThere = [files.fleet, files.federated].every(name => ageMs(join(folder, name)) < goodForMs)

if (isThere) process.stdout.write(`${folder}: identities and files are there\n`)
else {
  const names = ['controller']
  await setUp({
    folder,
    layout: containerLayout,
    nowMs: Date.now(),
    dataOf: () => data,
    controllerNames: names,
    agentListen: '0.0.0.0:9464',
  })
  process.stdout.write(`${folder}: identities and files are written\n`)
}
