/** The program of the thread that `askPreview` starts: one question, one answer. */
import { parentPort, workerData } from 'node:worker_threads'
import { type PreviewQuestion, preview } from './preview.ts'

parentPort?.postMessage(preview(workerData as PreviewQuestion))
