#!/usr/bin/env node
// The `probe` command's first file: plain JavaScript that also runs where Node is too old for the rest.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const wantedMajor = 24
const here = fileURLToPath(new URL('.', import.meta.url))
const major = Number(process.versions.node.split('.')[0])

/** Runs this file again with the Node of the checkout (a development dependency). */
const withOtherNode = async node => {
  const { spawn } = await import('node:child_process')
  const child = spawn(node, [...process.execArgv, process.argv[1], ...process.argv.slice(2)], { stdio: 'inherit' })
  // The terminal sends Ctrl-C to both; anyone else sends a signal to this process only, and the child must hear of it.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    console.error(`probe: cannot run ${node}: ${error.message}`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const withThisNode = async () => {
  const { default: module } = await import('node:module')
  // A checkout runs its sources; a build has JavaScript beside this file, and the published package has the build in dist/.
  const main = ['./main.ts', './main.js', '../dist/cli/main.js'].find(file => existsSync(`${here}${file}`))
  const isCheckout = main === './main.ts'
  const cached = isCheckout && existsSync(`${here}../node_modules`) && module.enableCompileCache(`${here}../node_modules/.cache/causeway`)
  if (!cached || cached.status === module.constants.compileCacheStatus.FAILED) module.enableCompileCache()
  const { start } = await import(main)
  await start(process.argv.slice(2))
}

if (major >= wantedMajor) await withThisNode()
else {
  const node = `${here}../node_modules/node/bin/node`
  if (existsSync(node)) await withOtherNode(node)
  else {
    console.error(`probe: needs Node ${wantedMajor} or newer, this is ${process.version} (${process.execPath})`)
    process.exit(2)
  }
}
