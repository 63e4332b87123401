import { laneConformance } from '../lane.conformance.ts'
import { sqliteMachine } from '../testing/fixture.ts'

laneConformance('sqlite', sqliteMachine)
