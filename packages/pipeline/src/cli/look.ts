import { FlowGuardError } from '../kernel/errors.ts'
import type { Stores } from '../ops/stores.ts'
import { openStores, placesOf } from '../stores.ts'
import type { Context } from './cli.ts'

/** Opens the stores of the data folder to look at them, for as long as the work takes. Throws `store_missing` where there is none: nothing is not the same as none waiting. */
export async function withStores<T>({ io, settings }: Context, work: (stores: Stores) => T | Promise<T>): Promise<T> {
  await using stores = openStores({ ...placesOf(settings), clock: io.clock })
  const { edge, raw, pipeline, lane, dataDir } = await stores.look()
  if (!edge && !raw && !pipeline && !lane) throw new FlowGuardError('store_missing', `there are no stores in ${dataDir} yet`)
  return await work(stores)
}
