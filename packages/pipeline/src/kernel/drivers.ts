import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { FlowGuardError } from './errors.ts'

/** Where drivers lie that are no dependency of the project: folders with a `node_modules`, as in a PATH. */
const FOLDER = 'FLOWGUARD_DRIVERS'

/**
 * A driver that only some addresses ask for, and that is therefore no dependency: one that is compiled as it is installed must never be in the way of
 * those who do without; the version is the one that was tried. Looked for among the project's packages, then in the folders that FLOWGUARD_DRIVERS names. Throws `driver_missing`.
 */
export function loadDriver(name: string, version: string, env: NodeJS.ProcessEnv = process.env): unknown {
  const folders = (env[FOLDER] ?? '').split(delimiter).filter(Boolean)
  const places = [import.meta.url, ...folders.map((folder) => join(folder, 'drivers.js'))]
  for (const place of places) {
    const require = createRequire(place)
    let path: string
    try {
      path = require.resolve(name)
    } catch {
      continue
    }
    try {
      return require(path)
    } catch (error) {
      throw new FlowGuardError('driver_missing', `${name} at ${path} cannot be loaded: ${(error as Error).message}`, error)
    }
  }
  throw new FlowGuardError(
    'driver_missing',
    `${name} is not installed. \`npm install --no-save ${name}@${version}\` puts it here (it brings a ready binary, or compiles one); or set ${FOLDER} to a folder with it in its node_modules`,
  )
}
