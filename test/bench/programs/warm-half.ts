/** Runs `once` again and again, one at a time, and prints the CPU per run of the second half in µs, when all is compiled. */
export const printWarmHalf = async (probes: number, once: () => Promise<void>): Promise<void> => {
  const half = Math.floor(probes / 2)
  for (let done = 0; done < probes - half; done++) await once()
  const warm = process.cpuUsage()
  for (let done = 0; done < half; done++) await once()
  const { user, system } = process.cpuUsage(warm)
  process.stdout.write(`${JSON.stringify({ warmUs: (user + system) / half })}\n`)
}
