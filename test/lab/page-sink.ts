/** A webhook inside a site, as a program of its own: one line for its port, and one for each notification. */
import { startSink } from '../controller/notify/sink.ts'

const sink = await startSink()
sink.answer.next = ({ headers, body }) => {
  console.log(JSON.stringify({ headers, body }))
  return {}
}
console.log(JSON.stringify({ port: sink.port }))
