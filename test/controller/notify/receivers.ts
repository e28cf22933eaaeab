/** Receivers as the fleet file would have them: what is not said has its default. */
import type { Receiver } from '../../../wire/fleet-alerts.ts'

type Less<T> = T extends { name: string } ? Omit<Partial<T>, 'type'> & Pick<T, Extract<'type', keyof T>> : never
export type ReceiverOf = Less<Receiver>

export const defaultsOf = (given: ReceiverOf): Receiver =>
  ({
    name: 'r',
    ...(given.type === 'alertmanager' || given.type === 'pagerduty' ? {} : { repeat: '4h' }),
    ...(given.type === 'slack' && { api: 'https://slack.com/api' }),
    ...(given.type === 'email' && { tls: 'required', to: ['oncall@example.com'], from: 'causeway@example.org' }),
    ...given,
  }) as Receiver
