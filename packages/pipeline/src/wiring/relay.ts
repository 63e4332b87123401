import { ORDERS } from '@flowguard/contract'
import { relay } from '../outbox/relay.ts'
import { rawLogToAppend } from './logs.ts'
import type { StartRole } from './machine.ts'

export const start: StartRole = async (machine) => {
  const { database, logger } = machine
  return [relay({ database: await database(), log: await rawLogToAppend(machine, [ORDERS]), logger })]
}
