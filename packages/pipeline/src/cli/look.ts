import { readTopics } from '../log/topics.ts'
import type { Stores } from '../ops/stores.ts'
import { openStores } from '../stores.ts'
import type { Context } from './cli.ts'

/** Opens the stores of the data folder to look at them, for as long as the work takes. */
export async function withStores<T>({ io, settings }: Context, work: (stores: Stores) => T | Promise<T>): Promise<T> {
  using stores = openStores({ dataDir: settings.DATA_DIR, topics: readTopics(settings.TOPICS_FILE), clock: io.clock })
  return await work(stores)
}
