/** What `probe sim` says. */
import { delayOf, type Medium, pairs, placeNames, regionOf } from '../../deploy/sim/clouds/clouds.ts'
import type { FaultState } from '../../deploy/sim/clouds/playing.ts'
import type { Io } from '../io.ts'
import { wrap } from '../terminal.ts'
import type { SimStatus } from './control.ts'

const table = (rows: readonly (readonly string[])[]): string =>
  rows
    .map(row =>
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(Math.max(...rows.map(one => one[at]!.length)))))
        .join('  ')
        .trimEnd(),
    )
    .map(line => `  ${line}\n`)
    .join('')

const mediums: Record<Medium, string> = { vpn: 'VPN', interconnect: 'interconnect', internet: 'internet' }

/** Each pair of clouds once. */
const wanText = (): string =>
  table(
    pairs.flatMap(pair => {
      const { from, to, medium } = pair
      return medium && from !== 'ops' && to !== 'ops' && placeNames.indexOf(from) < placeNames.indexOf(to)
        ? [[`${regionOf(from)} ↔ ${regionOf(to)}`, mediums[medium], `${2 * delayOf(pair)} ms`]]
        : []
    }),
  )

export const mapText = ({ machines }: SimStatus): string =>
  `${table(machines.map(({ where, name, address, what }) => [where, name, address, what]))}\nThese addresses are of the simulation alone: from here they lead elsewhere.\n${wanText()}`

/** Every line of `text` begins below the first, as far as the window is wide. */
export const hanging = (head: string, text: string, width: number): string =>
  wrap(text, Math.max(narrowest, width - head.length))
    .map((line, at) => `${at === 0 ? head : ' '.repeat(head.length)}${line}\n`)
    .join('')
const narrowest = 30

export const faultsText = (faults: readonly FaultState[], isRunning: boolean, width: number): string => {
  const widest = Math.max(...faults.map(({ name }) => name.length))
  return faults
    .map(({ name, story, on }) => hanging(`  ${isRunning ? (on ? 'on  ' : '-   ') : ''}${name.padEnd(widest)}  `, story, width))
    .join('')
}

export const faultText = ({ name, story, expect, look, on }: FaultState, width: number): string =>
  on
    ? hanging(`${name} is on: `, story, width) +
      hanging('  expect   ', expect, width) +
      `  look     ${look}\n           probe get incidents\n  end it   probe sim fault ${name} off\n`
    : `${name} is off\n  its incident ends two minutes after all is well again\n`

/** Piped away, lines are whole. */
export const widthOf = ({ stdout }: Pick<Io, 'stdout'>): number => (stdout.isTTY && stdout.columns) || Number.POSITIVE_INFINITY

export const nextText = ({ url }: SimStatus): string => `In another terminal
  probe sim fault mtu-black-hole       break something; probe sim fault list shows what there is
  probe get links --watch              what the agents measure, from cloud to cloud
  probe get incidents                  what is wrong, and why
  probe sim tour                       three faults, played and explained

The controller is at ${url}, for this machine and only with its token; the commands above find both by themselves.
Ctrl-C ends everything.
`
