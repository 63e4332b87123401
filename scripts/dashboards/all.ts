import { billing } from './billing.ts'
import { engines } from './engines.ts'
import { gateway } from './gateway.ts'
import { generalLane } from './general-lane.ts'
import { overview } from './overview.ts'
import { dashboardOf } from './panels.ts'
import { pipeline } from './pipeline.ts'

export const FOLDER = 'config/grafana/dashboards'

/** Every dashboard by the name of its file, as it is to lie there. */
export function dashboardFiles(): Map<string, string> {
  const specs = [overview, gateway, pipeline, generalLane, billing, engines]
  return new Map(specs.map((spec) => [`${spec.name}.json`, `${JSON.stringify(dashboardOf(spec), null, 2)}\n`]))
}
