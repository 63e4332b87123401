/**
 * What may import what. The first layer whose `files` match a module is its layer; an import is allowed when the target's
 * layer is named in `mayImport`. Anything not named is forbidden, and a module of no layer is an error: a new folder is
 * placed here first. `own:` means of the same part, that is the same `{part}`.
 *
 * contract <- kernel <- ports <- parts <- wiring <- cli <- main. Held by scripts/layers.ts, proven by test/checks.test.ts.
 */

export interface Layer {
  name: string
  /** Matches paths from the root with forward slashes. A group named `part` says whose a module is. */
  files: RegExp
  mayImport: readonly string[]
  /** Packages and Node modules that it may import; left out: any. */
  packages?: RegExp
  /** How far up a relative import may reach, where folders are deep for another reason than what is in them; left out: `PARENTS_MAX`. */
  parentsMax?: number
}

const SRC = '^packages/pipeline/src'
const PARTS =
  'http|monitoring|gateway|catalog|database|outbox|log|reader|stream|billing|workers|loader|lake|warehouse|etl|reconcile|alerts|anomaly|notify|erasure|ops'

export const layers: readonly Layer[] = [
  { name: 'test', files: /\.test\.ts$|(conformance|fixture)\.ts$|\/testing\/|^test\/|^bench\//, mayImport: ['*'] },
  // Started by tests and by people beside the product, which knows nothing of them.
  { name: 'engines', files: /^engines\//, mayImport: ['engines'], packages: /^node:/ },
  { name: 'script', files: /^scripts\//, mayImport: ['*'] },
  // No I/O: what all agree on can be loaded anywhere, a browser included.
  {
    name: 'contract',
    files: /^packages\/contract\/src\//,
    mayImport: ['contract'],
    packages: /^(typebox(\/.*)?|canonicalize|uuid|node:crypto)$/,
  },
  // For any site: it brings nothing along.
  { name: 'tracker', files: /^packages\/tracker\/src\//, mayImport: ['tracker'], packages: /^$/ },
  // What is seen in a browser, and what builds and serves it; it meets the rest by HTTP alone.
  { name: 'apps', files: /^apps\/[^/]+\.ts$/, mayImport: [] },
  // A page's folder is its address.
  { name: 'app', files: /^apps\/(?<part>[^/]+)\//, mayImport: ['tracker', 'apps', 'answers', 'own:app'], parentsMax: 3 },
  // Only who puts the product together sees the settings; parts are given values.
  { name: 'settings', files: new RegExp(`${SRC}/kernel/config(\\.ts$|/)`), mayImport: ['contract', 'kernel', 'settings'] },
  { name: 'kernel', files: new RegExp(`${SRC}/kernel/`), mayImport: ['contract', 'kernel'] },
  // An adapter knows its port, its neighbours' types and one driver. Nobody but the wiring knows the adapter.
  {
    name: 'adapter',
    files: new RegExp(`${SRC}/(?<part>${PARTS})/(.*/)?adapters/`),
    mayImport: ['contract', 'kernel', 'part', 'own:adapter'],
  },
  // For the console: types of what the API answers, by the package's name.
  { name: 'answers', files: new RegExp(`${SRC}/ops/answers\\.ts$`), mayImport: ['contract', 'part'] },
  // Ports and pure modules of its neighbours; which of them is held by there being no cycles.
  { name: 'part', files: new RegExp(`${SRC}/(?<part>${PARTS})/`), mayImport: ['contract', 'kernel', 'part'] },
  // Who picks adapters: wiring.ts, what it is made of, and stores.ts, which opens a data folder for looking only.
  {
    name: 'wiring',
    files: new RegExp(`${SRC}/(wiring|roles|stores|pipeline-store|lane-store|ops-threads?)\\.ts$|${SRC}/wiring/`),
    mayImport: ['contract', 'kernel', 'settings', 'part', 'adapter', 'wiring'],
  },
  { name: 'cli', files: new RegExp(`${SRC}/cli/`), mayImport: ['contract', 'kernel', 'settings', 'part', 'wiring', 'cli'] },
  { name: 'main', files: new RegExp(`${SRC}/main\\.ts$`), mayImport: ['contract', 'kernel', 'settings', 'part', 'wiring', 'cli'] },
]

/** Workspaces are imported by name, never by a path into them. */
export const workspaces: Readonly<Record<string, string>> = {
  '@flowguard/contract': 'packages/contract/src/index.ts',
  'flowguard/answers': 'packages/pipeline/src/ops/answers.ts',
  '@flowguard/tracker': 'packages/tracker/src/index.ts',
}

/** How far up a relative import may reach: further, and the module is in the wrong folder. Tests across parts are free. */
export const PARENTS_MAX = 2

export const roots: readonly string[] = ['packages', 'apps', 'engines', 'scripts', 'bench', 'test']
