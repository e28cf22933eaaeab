import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { layHelp } from '../../cli/help.ts'
import { main } from '../../cli/main.ts'
import { nearest } from '../../wire/near.ts'
import { worldOf } from './canned.ts'

const program = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const run = async (...args: string[]) => {
  const world = worldOf()
  return { code: await main(args, world), out: world.out(), err: world.err() }
}

t.test('help is a result: on stdout, with exit code 0', async t => {
  const { code, out, err } = await run('--help')
  t.equal(code, 0)
  t.equal(err, '')
  for (const command of ['probe run', 'probe version', 'probe sim']) t.match(out, command)
})

t.test('the help of run lists every option with what its value looks like', async t => {
  const { out } = await run('run', '--help')
  t.match(out, /--count n +icmp, udp: echoes \[5\] or datagrams \[100\] to send/)
  t.match(out, /--output format/)
  for (const line of out.split('\n')) t.ok(line.length <= 100, line)
})

t.test('help is laid out between words', async t => {
  const laid = layHelp('Options:\n  --count  one two three four five six seven  [string]', 30, () => 'n')
  t.equal(laid, 'Options:\n  --count n  one two three four\n             five six seven')
})

t.test('the version is that of package.json', async t => {
  t.match((await run('version')).out, version)
  t.match((await run('--version')).out, version)
  t.match(JSON.parse((await run('version', '--output', 'json')).out), {
    schema: 'causeway.version/1',
    version,
    node: process.version,
    platform: process.platform,
  })
})

const refused: [name: string, args: string[], ...lines: RegExp[]][] = [
  ['no command', [], /no command, want one of run/],
  ['an unknown command and an unknown option', ['rum', '--foo'], /unknown command "rum", did you mean run\?/, /--foo: unknown option/],
  ['a target without a command', ['10.0.0.1:443'], /to measure it: probe run 10\.0\.0\.1:443/],
  ['an unknown option before the command', ['--foo=1', 'run', 'a:0'], /a:0: port 0/, /--foo: unknown option/],
  ['an output that version has not', ['version', '--output', 'xml', 'x', '--foo'], /"x" does not belong/, /--foo/, /"xml"/],
  ['an option without its value', ['run', 'a:1', '--count'], /--count: needs a value/],
  ['an option given twice', ['run', 'a:1', '--count', '1', '--count', '2'], /--count: given 2 times/],
  ['a negative number', ['run', 'a:1', '--count', '-1'], /--count: got -1, want 1 to/],
  ['an option of version given to run', ['run', 'a:1', '--version'], /--version: unknown option/],
  ['control characters in a word', ['\u001b[2J'], /"\\u001b\[2J"/],
]

for (const [name, args, ...lines] of refused) {
  t.test(`${name} is exit code 2 with one line each`, async t => {
    const { code, out, err } = await run(...args)
    t.equal(code, 2)
    t.equal(out, '')
    const told = err.trimEnd().split('\n')
    t.equal(told.length, lines.length, err)
    for (const line of lines)
      t.ok(
        told.some(one => line.test(one)),
        `${line} in:\n${err}`,
      )
  })
}

t.test('what is near is meant, what is far is not', async t => {
  t.equal(nearest('ouptut', ['output', 'count']), 'output')
  t.equal(nearest('zzz', ['output', 'count', 'ca']), undefined)
})

t.test('the program runs, and with a reader that has gone it ends quietly', async t => {
  const { status, stdout, stderr } = spawnSync(program, ['version', '--output', 'json'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.equal(JSON.parse(stdout).version, version)
  const piped = spawnSync('sh', ['-c', `"${program}" run --help | true`], { encoding: 'utf8' })
  t.equal(piped.stderr, '')
})

t.test('bad usage of the program is exit code 2', async t => {
  const { status, stdout, stderr } = spawnSync(program, ['run', 'a:70000'], { encoding: 'utf8' })
  t.equal(status, 2)
  t.equal(stdout, '')
  t.equal(stderr, 'probe run: a:70000: port 70000, want 1 to 65535\n')
})

t.test('Ctrl-C in the middle prints what is known and exits with 130', async t => {
  const server = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const child = spawn(process.execPath, [program, 'run', `127.0.0.1:${port}`, '--output', 'ndjson', '--count', '100', '--no-ladder'])
  let out = ''
  child.stdout.on('data', data => {
    // The server says nothing, so what is not over by the first result is still waiting for it.
    if (!out) child.kill('SIGINT')
    out += data
  })
  const [code] = await once(child, 'close')
  t.equal(code, 130)
  const last = JSON.parse(out.trimEnd().split('\n').at(-1)!)
  t.equal(last.schema, 'causeway.run/1')
  t.match(out, /"reason":"aborted"/)
})
