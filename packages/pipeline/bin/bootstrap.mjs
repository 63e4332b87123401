// Runs a TypeScript file of this repository on a machine that may have nothing but some Node and npm: installs what
// package-lock.json asks for, finds Node 24 and goes on under it. Old syntax and no dependency, so that an old Node can read
// it far enough to say that it is too old. Tested by test/bootstrap.test.ts.
import { spawn } from 'child_process'
import fs from 'fs'
import nodeModule from 'module'
import path from 'path'
import { fileURLToPath, pathToFileURL } from 'url'
import { exitCodeOf, installWhenNeeded, nodeModules, npm, passSignals, say, Stop } from './install.mjs'

/** Kafka's driver waits in threads: with Node's four, a few calls to brokers that are gone would hold up all else. */
const THREADS = '16'

const NODE_MAJOR_MIN = 20
const NODE_MAJOR_WANTED = 24
const EXIT_NODE = 2
const compileCache = path.join(nodeModules, '.cache', 'compiled')

/** Runs `script` (absolute) under Node 24 with `args`; takes over the process, its exit code included. */
export async function start(script, args) {
  try {
    const major = Number(process.versions.node.split('.')[0])
    if (major < NODE_MAJOR_MIN) {
      throw new Stop(
        EXIT_NODE,
        `Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.versions.node}. Install one from https://nodejs.org and run this again.`,
      )
    }
    await installWhenNeeded()
    if (major >= NODE_MAJOR_WANTED) await runHere(script, args)
    else await runUnder(await findNode(), script, args)
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    say(error.message)
    process.exitCode = error.exitCode
  }
}

/** The `node` package brings it by an install script, which many machines switch off: then that one script is run. */
async function findNode() {
  const binary = path.join(nodeModules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (fs.existsSync(binary)) return binary
  if (fs.existsSync(path.join(nodeModules, 'node', 'package.json'))) {
    say(`fetching Node ${NODE_MAJOR_WANTED}, which npm left out because install scripts are switched off.`)
    const code = await npm([
      'rebuild',
      'node',
      '--ignore-scripts=false',
      '--foreground-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ])
    if (code === 0 && fs.existsSync(binary)) return binary
  }
  throw new Stop(
    EXIT_NODE,
    `Node ${NODE_MAJOR_WANTED} is needed, this is ${process.versions.node}, and npm could not fetch one for ${process.platform}-${process.arch}.\n` +
      `  Either install Node ${NODE_MAJOR_WANTED} from https://nodejs.org, and run this again,\n` +
      `  or, with a network, let npm fetch it: npm install --no-save --ignore-scripts=false node@${NODE_MAJOR_WANTED}`,
  )
}

async function runHere(script, args) {
  // What --disable-warning=ExperimentalWarning does for a process that is started: SQLite warns at each start otherwise.
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = function (warning, ...rest) {
    const type = rest[0] && typeof rest[0] === 'object' ? rest[0].type : rest[0]
    if (type !== 'ExperimentalWarning') emitWarning(warning, ...rest)
  }
  // By environment too: for the processes that this one starts.
  process.env.NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE || compileCache
  process.env.UV_THREADPOOL_SIZE = process.env.UV_THREADPOOL_SIZE || THREADS
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  process.argv = [process.execPath, script].concat(args)
  await import(pathToFileURL(script).href)
}

function runUnder(node, script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, ['--disable-warning=ExperimentalWarning', script].concat(args), {
      stdio: 'inherit',
      env: Object.assign({ NODE_COMPILE_CACHE: compileCache, UV_THREADPOOL_SIZE: THREADS }, process.env),
    })
    const signals = passSignals(child)
    child.on('error', (error) =>
      reject(
        new Stop(
          EXIT_NODE,
          `${node} cannot be run (${error.code}). Install Node ${NODE_MAJOR_WANTED} from https://nodejs.org and run this again.`,
        ),
      ),
    )
    child.on('exit', (code, signal) => {
      signals.off()
      process.exitCode = exitCodeOf(code, signal)
      resolve()
    })
  })
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fs.realpathSync(fileURLToPath(import.meta.url))) {
  if (process.argv.length < 3) {
    say('usage: node bootstrap.mjs <script.ts> [arguments]')
    process.exitCode = EXIT_NODE
  } else {
    start(path.resolve(process.argv[2]), process.argv.slice(3))
  }
}
