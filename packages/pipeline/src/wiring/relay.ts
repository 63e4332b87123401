import { relay } from '../outbox/relay.ts'
import type { StartRole } from './machine.ts'

export const start: StartRole = async ({ database, rawLog, logger }) => [relay({ database: await database(), log: rawLog(), logger })]
