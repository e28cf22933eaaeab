/** What an evaluation remembers, as text that the store keeps: one for each agent's paths, and one for all the rest. Loaded, it is as if nothing had happened. */
import { labelsKey, type PathLabels } from '../history/labels.ts'
import type { Evaluation, SavedEvaluation } from './evaluation.ts'
import type { SavedPath } from './path-alerts.ts'
import type { SlowAlerts } from './slow-alerts.ts'

type SavedAgent = {
  paths: PathLabels[]
  all: Record<string, { path?: SavedPath; slow?: ReturnType<SlowAlerts['save']> }>
}

/** '' where there is nothing to remember. */
export const saveAgent = ({ paths, alerts, slow }: Evaluation, agent: string): string => {
  const saved: SavedAgent = { paths: [], all: {} }
  for (const [key, path] of paths.of(agent)) {
    const [state, slowness] = [alerts.save(path), slow.save(path)]
    if (!state && !slowness) continue
    saved.paths.push(paths.labels[path]!)
    saved.all[key] = { ...(state && { path: state }), ...(slowness && { slow: slowness }) }
  }
  return saved.paths.length > 0 ? JSON.stringify(saved) : ''
}

export const loadAgent = (evaluation: Evaluation, agent: string, body: string): void => {
  const { paths, all } = JSON.parse(body) as SavedAgent
  for (const labels of paths) {
    const path = evaluation.paths.numberOf(agent, labels)
    evaluation.reserve(path)
    const saved = all[labelsKey(labels)]
    if (saved?.path) evaluation.alerts.load(path, saved.path)
    if (saved?.slow) evaluation.slow.load(path, saved.slow)
  }
}

export const saveRest = (evaluation: Evaluation): string => JSON.stringify(evaluation.save())
export const loadRest = (evaluation: Evaluation, body: string): void => evaluation.load(JSON.parse(body) as SavedEvaluation)
