import type { Leases } from '../../kernel/lease.ts'
import { migratePostgres, type Postgres } from '../../kernel/postgres.ts'
import { DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS } from './postgres-schema.ts'

/** Leases in the table of that name, by the server's clock alone. `owner`: no two processes that ever lived bear one name. */
export async function openPostgresLeases({ postgres, owner }: { postgres: Postgres; owner: string }): Promise<Leases> {
  await migratePostgres(postgres, DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS)
  return {
    async acquire(name, leaseMs) {
      const [row] = await postgres.rows<{ epoch: number }>(ACQUIRE, [name, owner, leaseMs])
      return row?.epoch
    },
    async release(name) {
      // The row stays, and with it the epoch.
      await postgres.changed('update leases set until = clock_timestamp() where name = $1 and owner = $2', [name, owner])
    },
  }
}

/** Whether the store of this name on somebody's disk, with this id, is the one that belongs to these tables: where none did before, it does from now on. */
export async function isDiskStoreOf(postgres: Postgres, name: string, id: string): Promise<boolean> {
  await migratePostgres(postgres, DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS)
  await postgres.changed('insert into disk_stores (name, id) values ($1, $2) on conflict do nothing', [name, id])
  const [row] = await postgres.rows<{ id: string }>('select id from disk_stores where name = $1', [name])
  return row?.id === id
}

/** Whoever comes to it after it has lapsed begins a new epoch, its last owner too. */
const ACQUIRE = {
  name: 'acquire_lease',
  text: `insert into leases as held (name, owner, epoch, until) values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
    on conflict (name) do update set owner = excluded.owner, until = clock_timestamp() + $3 * interval '1 millisecond',
      epoch = held.epoch + case when held.owner = excluded.owner and held.until > clock_timestamp() then 0 else 1 end
    where held.owner = excluded.owner or held.until <= clock_timestamp()
    returning epoch`,
}
