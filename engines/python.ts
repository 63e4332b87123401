import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, installed } from './cache.ts'
import { command, need } from './command.ts'
import { VERSIONS } from './versions.ts'

const INSTALL_MS_MAX = 20 * 60_000

/** A program in Python: `python -m module` with this environment. */
export interface PythonTools {
  python: string
  /** What the packages lie in. */
  folder: string
  env: NodeJS.ProcessEnv
}

/** Packages from PyPI in a folder of the cache: no virtual environment, whose scripts name the folder that they were made in. */
export async function installPython(name: string, version: string, requirements: readonly string[]): Promise<PythonTools> {
  const python = need('python3', `Python 3.10 to 3.13, with pip, which fetches ${name}`)
  await installed(keyOf(name, version), async (aside) => {
    const tools = `${aside}-tools`
    try {
      await fetchPackages(python, { target: join(aside, 'lib'), tools, requirements })
    } finally {
      await rm(tools, { recursive: true, force: true })
    }
  })
  const lib = pythonLib(name, version)
  return { python, folder: lib, env: { ...process.env, PYTHONPATH: lib, PYTHONDONTWRITEBYTECODE: '1' } }
}

const keyOf = (name: string, version: string) => `${name}-${version}-${process.platform}-${process.arch}`

/** Where the packages lie once they are installed. */
export const pythonLib = (name: string, version: string): string => join(cacheFolder(), keyOf(name, version), 'lib')

interface Fetching {
  target: string
  tools: string
  requirements: readonly string[]
}

/** By uv, which finds what fits together in seconds where pip takes minutes. */
async function fetchPackages(python: string, { target, tools, requirements }: Fetching): Promise<void> {
  const options = { msMax: INSTALL_MS_MAX }
  await command(python, ['-m', 'pip', 'install', '--quiet', '--target', tools, `uv==${VERSIONS.uv}`], options)
  const uv = join(tools, 'bin', 'uv')
  await command(uv, ['pip', 'install', '--quiet', '--compile-bytecode', '--python', python, '--target', target, ...requirements], options)
}
