/** The overlays as `kubectl kustomize` builds them. */
import { spawnSync } from 'node:child_process'
import { readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { cleanEnv } from '../../lab/clean-env.ts'
import type { Thing } from './restricted.ts'

export const root = fileURLToPath(new URL('../../../deploy/kubernetes', import.meta.url))
export type Built = Thing & { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } }

/** Why it can't be run here. Kustomize is in kubectl; that of 1.21 is the first that knows components and labels as we use them. */
export const noKustomize = ((): false | string => {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { env: cleanEnv, encoding: 'utf8' })
  const wanted = 'needs kubectl 1.25 or later: https://kubernetes.io/docs/tasks/tools/'
  if (status !== 0) return wanted
  const { clientVersion } = JSON.parse(stdout) as { clientVersion?: { minor?: string } }
  return Number.parseInt(clientVersion?.minor ?? '0', 10) >= 25 ? false : wanted
})()

/** All that people apply. */
export const folders: readonly string[] = ['base', ...readdirSync(`${root}/overlays`).map(name => `overlays/${name}`), 'runner']

export const build = (folder: string): Built[] => buildAt(`${root}/${folder}`)

/** As somebody puts them together in a folder of their own. */
export const buildOwn = (folder: string, bases: readonly string[], components: readonly string[]): Built[] => {
  const here = (names: readonly string[]): string[] => names.map(name => relative(realpathSync(folder), `${root}/${name}`))
  const own = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: here(bases), components: here(components) }
  writeFileSync(`${folder}/kustomization.yaml`, JSON.stringify(own))
  return buildAt(folder)
}

const buildAt = (folder: string): Built[] => {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], {
    env: cleanEnv,
    encoding: 'utf8',
    maxBuffer: 2 ** 25,
  })
  if (status !== 0) throw new Error(`${folder}: ${stderr}`)
  return parseAllDocuments(stdout).map(document => document.toJS() as Built)
}

const at = (thing: unknown, ...path: string[]): unknown => path.reduce((inner: unknown, key) => (inner as Thing | undefined)?.[key], thing)

/** Of those that make pods. */
export const podSpecOf = (object: Built): Thing | undefined =>
  (object.kind === 'CronJob' ? at(object, 'spec', 'jobTemplate', 'spec', 'template', 'spec') : at(object, 'spec', 'template', 'spec')) as
    | Thing
    | undefined
