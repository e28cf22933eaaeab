/** A page as a mail: plain text, and HTML that shows the same. Both are made of the same sections; HTML escapes every text that it takes up. */
import type { Message } from './message.ts'
import { linksOf, oneLine, type Section, sayOne, sayTitle, sayTogether, sectionsOf } from './say.ts'

export type Mail = { subject: string; text: string; html: string }

export const mailOf = (message: Message): Mail => {
  const title = sayTitle(message)
  const links = linksOf(message.page).map(({ title, url }) => ({ label: title, url }))
  const incident = `incident ${oneLine(message.page.incident, 100)}`
  const sections = sectionsOf(message)
  const text = [title, '', ...sections.flatMap(textOf), ...links.map(({ label, url }) => `${label}: ${url}`), '', incident, ''].join('\n')
  const shownLinks = links.map(({ label, url }) => `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`).join(' · ')
  return { subject: title, text, html: page(title, [...sections.map(htmlOf), `<p>${shownLinks}</p>`, `<p>${escapeHtml(incident)}</p>`]) }
}

export const mailOfMany = (messages: readonly Message[]): Mail => {
  const subject = sayTogether(messages)
  const lines = messages.map(sayOne)
  return {
    subject,
    text: [subject, '', ...lines.map(line => `- ${line}`), ''].join('\n'),
    html: page(subject, [list(lines)]),
  }
}

const textOf = ({ what, lines, isCode }: Section): string[] => {
  if (isCode) return [`${what}:`, ...lines.map(line => `    ${line}`), '']
  return lines.length === 1 ? [`${what}: ${lines[0]}`, ''] : [`${what}:`, ...lines.map(line => `- ${line}`), '']
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, character => entities[character]!)

const list = (lines: readonly string[]): string => `<ul>${lines.map(line => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`

const htmlOf = ({ what, lines, isCode }: Section): string => {
  const head = `<b>${escapeHtml(what)}</b>`
  if (isCode) return `<p>${head}</p><pre>${escapeHtml(lines.join('\n'))}</pre>`
  return lines.length === 1 ? `<p>${head}: ${escapeHtml(lines[0]!)}</p>` : `<p>${head}</p>${list(lines)}`
}

/** No style, no image, nothing that is fetched: mail readers show it in their own. */
const page = (title: string, parts: readonly string[]): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head><body><h3>${escapeHtml(title)}</h3>${parts.join('\n')}</body></html>\n`
