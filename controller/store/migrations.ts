/** The shape of the store, as steps that are only ever added to: a step that has been released is never changed. */
import type { Dialect } from './sql.ts'

/** Step n makes version n + 1. */
export const migrations: readonly ((dialect: Dialect) => readonly string[])[] = [
  ({ bytes, identity }) => [
    'CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)',
    `CREATE TABLE documents (owner TEXT NOT NULL, generation BIGINT NOT NULL, body TEXT NOT NULL, author TEXT NOT NULL, at_ms BIGINT NOT NULL,
      PRIMARY KEY (owner, generation))`,
    `CREATE TABLE agents (id TEXT PRIMARY KEY, location TEXT NOT NULL, labels TEXT NOT NULL, advertise TEXT NOT NULL, details TEXT NOT NULL,
      proof TEXT NOT NULL, status TEXT NOT NULL, enrolled_ms BIGINT NOT NULL, last_seen_ms BIGINT NOT NULL, cordoned TEXT, banned TEXT)`,
    `CREATE TABLE credentials (thumbprint TEXT PRIMARY KEY, agent_id TEXT NOT NULL, issued_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)`,
    'CREATE INDEX credentials_of_agent ON credentials (agent_id)',
    'CREATE INDEX credentials_by_end ON credentials (expires_ms)',
    `CREATE TABLE join_tokens (hash TEXT PRIMARY KEY, agent_id TEXT NOT NULL, location TEXT NOT NULL, labels TEXT NOT NULL, author TEXT NOT NULL,
      created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, used_ms BIGINT, used_from TEXT)`,
    `CREATE TABLE person_tokens (hash TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, author TEXT NOT NULL, created_ms BIGINT NOT NULL,
      expires_ms BIGINT, revoked_ms BIGINT)`,
    `CREATE TABLE role_grants (principal TEXT PRIMARY KEY, role TEXT NOT NULL, author TEXT NOT NULL, at_ms BIGINT NOT NULL)`,
    'CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL, expires_ms BIGINT NOT NULL)',
    `CREATE TABLE received (agent_id TEXT NOT NULL, boot TEXT NOT NULL, ranges TEXT NOT NULL, at_ms BIGINT NOT NULL,
      PRIMARY KEY (agent_id, boot))`,
    'CREATE INDEX received_by_time ON received (at_ms)',
    `CREATE TABLE history (id ${identity}, agent_id TEXT NOT NULL, resolution_ms BIGINT NOT NULL, start_ms BIGINT NOT NULL, bytes ${bytes} NOT NULL)`,
    'CREATE INDEX history_of_agent ON history (resolution_ms, agent_id, start_ms)',
    'CREATE INDEX history_by_time ON history (resolution_ms, start_ms)',
    'CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, at_ms BIGINT NOT NULL)',
    `CREATE TABLE events (id ${identity}, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL)`,
    'CREATE INDEX events_by_time ON events (at_ms)',
  ],
  ({ bytes }) => [
    `CREATE TABLE batches (agent_id TEXT NOT NULL, boot TEXT NOT NULL, sequence BIGINT NOT NULL, holder TEXT NOT NULL, encoding TEXT NOT NULL,
      is_gzip BIGINT NOT NULL, at_ms BIGINT NOT NULL, done TEXT NOT NULL, body ${bytes} NOT NULL, PRIMARY KEY (agent_id, boot, sequence))`,
    'CREATE INDEX batches_of_holder ON batches (holder)',
    `CREATE TABLE open_history (agent_id TEXT NOT NULL, start_ms BIGINT NOT NULL, holder TEXT NOT NULL, bytes ${bytes} NOT NULL,
      PRIMARY KEY (agent_id, start_ms, holder))`,
    'CREATE INDEX open_history_of_holder ON open_history (holder)',
    'CREATE TABLE assigned (agent_id TEXT PRIMARY KEY, paths TEXT NOT NULL, changed_ms BIGINT NOT NULL)',
    'CREATE INDEX assigned_by_change ON assigned (changed_ms)',
    'ALTER TABLE history ADD COLUMN rolled BIGINT NOT NULL DEFAULT 0',
    'CREATE INDEX history_unrolled ON history (resolution_ms, start_ms) WHERE rolled = 0',
  ],
]
