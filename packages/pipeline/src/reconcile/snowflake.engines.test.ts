import { openMachine } from '../ops/fixture.ts'
import { snowflakeStore } from '../warehouse/testing/snowflake.ts'
import { findsFaults, settlesFaults } from './faults.fixture.ts'
import type { OpenMachine } from './reconciling.fixture.ts'
import { chargesRightfully } from './rightful.fixture.ts'

const onSnowflake: OpenMachine = async (path, options) => {
  const store = snowflakeStore()
  const machine = openMachine(path, { ...options, warehouse: store.open() })
  return {
    ...machine,
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

// The same faults as on DuckDB, the same causes and corrections.
findsFaults(onSnowflake)
if (process.env['FLOWGUARD_SOAK'] !== undefined) {
  settlesFaults(onSnowflake)
  chargesRightfully(onSnowflake)
}
