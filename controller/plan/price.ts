/** What a byte costs that leaves a region: the link's own price, else the fleet's, else list prices with their day. */
import type { FleetLink, FleetPrice, Medium } from '../../wire/fleet.ts'

/** `from`: who says so. `none`: nobody knows a price, as for a data centre of one's own. */
export type Price = { perGB: number; currency: string; asOf?: string; from: 'link' | 'prices' | 'default' | 'none' }

/** Public list prices in USD per GB, first tier, North America and Europe: to the internet, to another region, over a dedicated line, to another zone. */
export const listPricesAsOf = '2026-09-20'
const listPrices: { readonly [cloud: string]: { internet: number; region: number; interconnect: number; zone: number } } = {
  aws: { internet: 0.09, region: 0.02, interconnect: 0.02, zone: 0.01 },
  azure: { internet: 0.087, region: 0.02, interconnect: 0.025, zone: 0 },
  gcp: { internet: 0.12, region: 0.02, interconnect: 0.02, zone: 0.01 },
}

export type Priced = { links: readonly FleetLink[]; prices: readonly FleetPrice[] }

/** Of bytes from one region to another; of bytes between zones where both are the same. A lookup for one plan. */
export const priceLookup = ({ links, prices }: Priced): ((from: string, to: string) => Price) => {
  const byLink = new Map(links.map(link => [`${link.from} ${link.to}`, link]))
  const byPrice = new Map(prices.map(price => [`${price.from} ${price.to} ${price.medium ?? ''}`, price]))
  return (from, to) => {
    const link = byLink.get(`${from} ${to}`)
    if (link?.price) return { ...link.price, from: 'link' }
    const medium = link?.medium ?? 'internet'
    const said = wider(from, to).flatMap(key => byPrice.get(`${key} ${medium}`) ?? byPrice.get(`${key} `) ?? [])[0]
    if (said) return { perGB: said.perGB, currency: said.currency, ...(said.asOf && { asOf: said.asOf }), from: 'prices' }
    return listPrice(from, to, medium)
  }
}

/** The narrowest first: region to region, region to cloud, cloud to region, cloud to cloud. */
const wider = (from: string, to: string): string[] => {
  const [fromCloud, toCloud] = [from.split('/')[0]!, to.split('/')[0]!]
  return [`${from} ${to}`, `${from} ${toCloud}`, `${fromCloud} ${to}`, `${fromCloud} ${toCloud}`]
}

const listPrice = (from: string, to: string, medium: Medium): Price => {
  const cloud = from.split('/')[0]!
  const list = Object.hasOwn(listPrices, cloud) ? listPrices[cloud] : undefined
  if (!list) return { perGB: 0, currency: 'USD', from: 'none' }
  const perGB =
    from === to ? list.zone : to.split('/')[0] === cloud ? list.region : medium === 'interconnect' ? list.interconnect : list.internet
  return { perGB, currency: 'USD', asOf: listPricesAsOf, from: 'default' }
}
