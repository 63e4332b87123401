/** Writes docs/MODELS.md from the models. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelsPage } from '../packages/pipeline/src/etl/docs.ts'
import { openWarehouse } from '../packages/pipeline/src/etl/fixture.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'

await using warehouse = await openWarehouse()
writeFileSync(join(ROOT, 'docs/MODELS.md'), modelsPage(await warehouse.etl().models()))
