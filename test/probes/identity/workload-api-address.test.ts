import fc from 'fast-check'
import t from 'tap'
import { parseWorkloadApiAddress } from '../../../probes/identity/workload-api-address.ts'

t.test('what the specification allows is taken without a word', async t => {
  for (const [uri, grpcTarget] of [
    ['unix:///run/spire/api.sock', 'unix:/run/spire/api.sock'],
    ['tcp://127.0.0.1:8000', 'ipv4:127.0.0.1:8000'],
    ['tcp://[::1]:8000', 'ipv6:[::1]:8000'],
  ] as const)
    t.match(parseWorkloadApiAddress(uri), { address: { uri, grpcTarget }, problems: [] })
})

t.test('what only some libraries take is taken with a word', async t => {
  for (const uri of ['unix:/run/api.sock', 'unix://api.sock', 'tcp://127.0.0.1:8000/']) {
    const { address, problems } = parseWorkloadApiAddress(uri)
    t.ok(address, uri)
    t.match(problems, [{ code: 'address_unusual', reason: null }])
  }
})

t.test('the rest is a configuration error that says what is wanted', async t => {
  for (const [uri, why] of [
    ['', 'empty'],
    ['/run/api.sock', 'no scheme'],
    ['http://127.0.0.1:80', 'scheme is http'],
    ['unix://', 'no path'],
    ['unix:///run/x?y', 'query'],
    [`unix:///${'x'.repeat(108)}`, '109 bytes'],
    ['tcp://localhost:8000', '"localhost" is not an IP address'],
    ['tcp://127.0.0.1', 'not an IP address and a port'],
    ['tcp://127.0.0.1:0', 'port is 0'],
    ['tcp://127.0.0.1:99999', 'port is 99999'],
    ['tcp://me@127.0.0.1:80', 'not an IP address and a port'],
    ['tcp://127.0.0.1:80/path', 'not an IP address and a port'],
    ['unix:///run/a b', 'white space'],
  ] as const) {
    const { address, problems } = parseWorkloadApiAddress(uri)
    t.equal(address, undefined, uri)
    t.match(problems, [{ code: 'address_invalid', reason: 'config_invalid' }])
    t.match(problems[0]!.detail, why)
  }
})

t.test('no text makes it throw, and there is an address or a reason', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map(s => `unix:${s}`),
        fc.string().map(s => `tcp://${s}`),
      ),
      uri => {
        const { address, problems } = parseWorkloadApiAddress(uri)
        return address !== undefined || problems.some(one => one.reason === 'config_invalid')
      },
    ),
  )
})
