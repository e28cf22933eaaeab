/** `node young.ts <runs a second>`: keeps what it makes for a while, as runs do, and prints how many MB a half of the young generation has in the end. */
import { setImmediate } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { keepHeapSmall, openYoung } from '../../../agent/small-memory.ts'

keepHeapSmall()
const young = openYoung()
young.for(Number(process.argv[2]))
const kept: unknown[] = []
const endMs = performance.now() + 1500
for (let made = 0; performance.now() < endMs; await setImmediate())
  for (let i = 0; i < 500; i++) kept[made++ % 10_000] = { made, more: [made, i] }
young.close()
const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!
process.stdout.write(String(Math.ceil((space.space_used_size + space.space_available_size) / 2 ** 20)))
