/** `npm run dashboards`: writes config/grafana/dashboards/*.json. test/dashboards.test.ts holds them to this. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { dashboardFiles, FOLDER } from './dashboards/all.ts'

const root = resolve(import.meta.dirname, '..')
for (const [name, text] of dashboardFiles()) {
  writeFileSync(join(root, FOLDER, name), text)
  process.stdout.write(`${FOLDER}/${name}\n`)
}
