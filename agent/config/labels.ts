import { bad, good, type Parsed, quote } from '../../wire/values.ts'

/** `name=value`, several with commas: labels in a flag or a variable. Gives every problem. */
export const parseLabels = (text: string): Parsed<Readonly<Record<string, string>>> => {
  const labels = new Map<string, string>()
  const problems: string[] = []
  for (const part of text.split(',').map(one => one.trim())) {
    if (part === '') continue
    const [, name, value] = /^([^\s=]{1,256})=(\S.{0,255})$/.exec(part) ?? []
    // A variable that Kubernetes does not know stays as it was written.
    if (name === undefined || value === undefined || value.includes('$(')) problems.push(`${quote(part)}, want one like team=payments`)
    else if (labels.has(name)) problems.push(`${quote(name)} is there twice`)
    else labels.set(name, value)
  }
  return problems.length > 0 ? bad(...problems) : good(Object.freeze(Object.fromEntries(labels)))
}
