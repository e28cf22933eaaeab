import { execFileSync } from 'node:child_process'

/** For tap's `skip`: false where Debian's program is installed, else the command that would let the test run. */
export const needsTool = (name: string, packageName = name): false | string => {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } })
    return false
  } catch {
    return `needs ${name}: sudo apt-get install ${packageName}`
  }
}
