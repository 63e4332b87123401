import { customerTests } from './customer.ts'
import { everyPageTests } from './every-page.ts'
import { operatorTests } from './operator.ts'
import { openStage } from './stage.ts'

// One product for all, in this order: what customers and operators did is there to be seen on every page.
const stage = openStage()
customerTests(stage)
operatorTests(stage)
everyPageTests(stage)
