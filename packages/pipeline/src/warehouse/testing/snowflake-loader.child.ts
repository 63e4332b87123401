/** Loads a made-up log into Snowflake and says so batch by batch: to be killed. Arguments: the access, records, records of a batch; all as JSON. */
import { silentLogger } from '../../kernel/logging.ts'
import { loadToLevel } from '../../loader/loader.ts'
import { openSnowflake } from '../adapters/snowflake.ts'
import type { SnowflakeAccess } from '../adapters/snowflake-connection.ts'
import { madeUpFeeds, noMirror } from './made-up-log.ts'

const [access, count, rowsMax] = process.argv.slice(2).map((each) => JSON.parse(each) as unknown) as [SnowflakeAccess, number, number]
await using warehouse = openSnowflake(access)
const options = {
  bronze: warehouse.bronze,
  feeds: madeUpFeeds(count),
  mirror: noMirror(),
  rowsMax,
  ageMs: 0,
  clock: Date.now,
  logger: silentLogger,
}
await loadToLevel(options, new AbortController().signal, (rows) => process.stdout.write(`${rows}\n`))
