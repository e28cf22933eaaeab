const arrow = ' → '

/** `aws/us-east-1 → azure/eastus`: what the way from one place to another is called. */
export const linkName = (from: string, to: string): string => from + arrow + to

/** `to` is undefined for what is no link. */
export const linkEnds = (link: string): { from: string; to: string | undefined } => {
  const [from = '', to] = link.split(arrow)
  return { from, to }
}

export const oppositeOf = (link: string): string => {
  const { from, to = '' } = linkEnds(link)
  return linkName(to, from)
}
