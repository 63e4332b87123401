import { chargesRightfully } from './rightful.fixture.ts'
import { onDuckdb } from './reconciling.fixture.ts'

chargesRightfully(onDuckdb)
