import { laneConformance } from '../lane.conformance.ts'
import { postgresMachine } from '../testing/postgres.ts'

laneConformance('postgres', postgresMachine)
