/** One line of JSON on the controller's own stdout: for those who collect it anyway. */
import type { Send } from './message.ts'
import { bodyOf } from './webhook.ts'

export const sendStdout: Send<'stdout'> = async (_receiver, messages, { print }) => {
  for (const message of messages) print(bodyOf(message))
  return { kind: 'taken', detail: 'written' }
}
