import { conformsToWarehouse } from '../warehouse.conformance.ts'
import { snowflakeStore } from '../testing/snowflake.ts'

conformsToWarehouse(snowflakeStore)
