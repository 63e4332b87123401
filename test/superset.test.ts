import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { VERSIONS } from '../engines/versions.ts'
import { publishCharges } from '../packages/pipeline/src/billing/published.ts'
import { openWarehouse } from '../packages/pipeline/src/etl/fixture.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { copiedTables } from '../packages/pipeline/src/warehouse/export.ts'
import { DATASETS, type Dataset } from '../scripts/dashboards/superset/datasets.ts'
import { SUPERSET_FOLDER, supersetFiles } from '../scripts/dashboards/superset/files.ts'
import { TABS } from '../scripts/dashboards/superset/tabs.ts'

test("Superset's files that are committed are what the code makes (npm run dashboards)", () => {
  const made = supersetFiles()
  const there = globSync('**/*.yaml', { cwd: join(ROOT, SUPERSET_FOLDER) }).map((path) => path.replaceAll('\\', '/'))
  assert.deepEqual(there.toSorted(), [...made.keys()].toSorted())
  for (const [name, text] of made) assert.equal(readFileSync(join(ROOT, SUPERSET_FOLDER, name), 'utf8'), text, name)
})

test('no two things have one id, and each is named where it belongs', () => {
  const files: Record<string, string>[] = [...supersetFiles()].map(([path, text]) => ({ ...(parse(text) as object), path }))
  const ids = files.flatMap(({ uuid }) => (uuid === undefined ? [] : [uuid]))
  assert.equal(new Set(ids).size, files.length - 1, 'all but metadata.yaml')
  for (const { path = '', dataset_uuid: dataset, database_uuid: database } of files)
    for (const id of [dataset, database]) assert.ok(id === undefined || ids.includes(id), path)
})

test('every column and metric of the dashboards is one that DuckDB has, in the tables that are exported', async () => {
  await using warehouse = await openWarehouse()
  await warehouse.etl().runs(1)
  await publishCharges(warehouse.session(), async function* () {})
  const exported = copiedTables(
    globSync('packages/pipeline/models/gold/*.sql', { cwd: ROOT }).map((path) => path.replace(/.*[\\/](\w+)\.sql$/, 'gold.$1')),
  )
  for (const { name, select } of exported) assert.deepEqual(await warehouse.rows(select), [], name)
  const names = exported.map(({ name }) => name)
  for (const { name, table, sql, columns, metrics, day } of Object.values(DATASETS) as Dataset[]) {
    const from = table ?? `(${sql})`
    const found = await warehouse.rows<{ column_name: string; column_type: string }>(`describe select * from ${from}`)
    assert.deepEqual(Object.fromEntries(found.map((each) => [each.column_name, each.column_type])), columns, name)
    assert.ok(day in columns, name)
    for (const [, reads] of from.matchAll(/\b((?:gold|etl|billing)\.\w+)/g)) assert.ok(names.includes(reads!), `${name} reads ${reads}`)
    for (const [metric, { sql: expression }] of Object.entries(metrics))
      assert.equal((await warehouse.rows(`select ${expression} as ${metric} from ${from} as t`)).length, 1)
  }
})

test('every chart asks for columns and metrics of its dataset, and fills the width of its row', () => {
  for (const { name, rows } of TABS) {
    for (const row of rows) {
      assert.equal(
        row.reduce((sum, { width }) => sum + width, 0),
        12,
        `${name}: ${row.map((each) => each.name).join(', ')}`,
      )
      for (const { name: chart, dataset, queries, only } of row) {
        const { columns, metrics } = DATASETS[dataset] as Dataset
        for (const query of queries) {
          for (const metric of query.metrics) assert.ok(metric in metrics, `${chart}: ${metric}`)
          for (const column of query.columns) {
            const called = typeof column === 'string' ? column : (column as { label: string }).label
            assert.ok(called in columns, `${chart}: ${called}`)
          }
        }
        assert.ok(only === undefined || only.column in columns, chart)
      }
    }
  }
})

test('the versions that Superset runs with are frozen', () => {
  const lines = readFileSync(join(ROOT, 'engines/superset/requirements.txt'), 'utf8').split('\n')
  const packages = lines.filter((line) => line !== '' && !line.startsWith('#'))
  assert.ok(packages.includes(`apache-superset==${VERSIONS.superset}`))
  for (const each of packages) assert.match(each, /^[\w.-]+(\[\w+\])?==\S+( ; .+)?$/)
})
