/** `npm run dashboards`: writes config/grafana/dashboards/*.json and Superset's files. test/dashboards.test.ts and test/superset.test.ts hold them to this. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { dashboardFiles, FOLDER } from './dashboards/all.ts'
import { SUPERSET_FOLDER, supersetFiles } from './dashboards/superset/files.ts'

const root = resolve(import.meta.dirname, '..')
for (const [name, text] of dashboardFiles()) {
  writeFileSync(join(root, FOLDER, name), text)
  process.stdout.write(`${FOLDER}/${name}\n`)
}

// A chart that was renamed leaves no file.
rmSync(join(root, SUPERSET_FOLDER), { recursive: true, force: true })
for (const [name, text] of supersetFiles()) {
  const path = join(root, SUPERSET_FOLDER, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
process.stdout.write(`${SUPERSET_FOLDER}/\n`)
