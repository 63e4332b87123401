/** Holds layer-rules.ts: every import of every module, types and dynamic ones included. Prints what breaks a rule; exit 1 if any, or if it saw no module. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix, resolve, sep } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { layers, PARENTS_MAX, roots, workspaces, type Layer } from './layer-rules.ts'

interface Import {
  specifier: string
  line: number
}

interface Module {
  path: string
  layer: Layer | undefined
  part: string | undefined
  imports: readonly Import[]
}

const root = resolve(import.meta.dirname, '..')

function findModules(): Map<string, Module> {
  const files = roots.flatMap((folder) =>
    globSync(`${folder}/**/*.{ts,tsx,mts}`, { cwd: root, exclude: (name) => /(^|[\\/])(node_modules|dist|\.next)$/.test(name) }),
  )
  return new Map(files.map((file) => file.split(sep).join('/')).map((path) => [path, readModule(path)]))
}

function readModule(path: string): Module {
  const { layer, part } = place(path)
  return { path, layer, part, imports: importsOf(path, readFileSync(join(root, path), 'utf8')) }
}

function place(path: string): { layer: Layer | undefined; part: string | undefined } {
  const layer = layers.find(({ files }) => files.test(path))
  return { layer, part: layer?.files.exec(path)?.groups?.['part'] }
}

function importsOf(path: string, text: string): Import[] {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`)
  const imports: Import[] = []
  function add(source: unknown, start: number): void {
    if (typeof source === 'string') imports.push({ specifier: source, line: text.slice(0, start).split('\n').length })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.start),
    ExportNamedDeclaration: (node) => add(node.source?.value, node.start),
    ExportAllDeclaration: (node) => add(node.source.value, node.start),
    ImportExpression: (node) => add('value' in node.source ? node.source.value : undefined, node.start),
    TSImportType: (node) => add(node.source.value, node.start),
  }).visit(program)
  return imports
}

function targetOf(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier))
  return workspaces[specifier]
}

function check(module: Module, modules: ReadonlyMap<string, Module>): string[] {
  const { layer } = module
  if (layer === undefined) return [`${module.path}: is of no layer; place it in scripts/layer-rules.ts`]
  return module.imports.flatMap(({ specifier, line }) => {
    const problem = checkImport(module, layer, specifier, modules)
    return problem === undefined ? [] : [`${module.path}:${line}: ${problem}`]
  })
}

function checkImport(module: Module, layer: Layer, specifier: string, modules: ReadonlyMap<string, Module>): string | undefined {
  const target = targetOf(module.path, specifier)
  if (target === undefined) {
    return layer.packages && !layer.packages.test(specifier) ? `${layer.name} may not import the package ${specifier}` : undefined
  }
  const other = modules.get(target)
  // What is no TypeScript, such as JSON, has no imports of its own; that it exists is the compiler's to say.
  if (other === undefined) return existsSync(join(root, target)) ? undefined : `${specifier} is no module`
  if (specifier.startsWith('.')) {
    if (workspaceOf(target) !== workspaceOf(module.path) && workspaceOf(target) !== '' && layer.mayImport[0] !== '*') {
      return `${specifier} reaches into another workspace; import it by name`
    }
    const parentsMax = layer.parentsMax ?? PARENTS_MAX
    if (specifier.split('/').filter((step) => step === '..').length > parentsMax && layer.mayImport[0] !== '*') {
      return `${specifier} reaches more than ${parentsMax} folders up`
    }
  }
  if (isAllowed(module, layer, other)) return undefined
  return `${layer.name} may not import ${other.layer?.name ?? 'what has no layer'} ${target}`
}

function workspaceOf(path: string): string {
  return /^(packages|apps)\/[^/]+(?=\/)/.exec(path)?.[0] ?? ''
}

function isAllowed(module: Module, layer: Layer, other: Module): boolean {
  const name = other.layer?.name
  return layer.mayImport.some((rule) => {
    if (rule === '*' || rule === name) return true
    return rule.startsWith('own:') && rule.slice('own:'.length) === name && other.part === module.part
  })
}

/** Each cycle once, by depth-first search from each module in turn. */
function findCycles(modules: ReadonlyMap<string, Module>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const trail: string[] = []
  function visit(path: string): void {
    const at = trail.indexOf(path)
    if (at >= 0) {
      cycles.push(`cycle: ${[...trail.slice(at), path].join(' -> ')}`)
      return
    }
    const module = modules.get(path)
    if (module === undefined || done.has(path)) return
    trail.push(path)
    for (const { specifier } of module.imports) {
      const target = targetOf(path, specifier)
      if (target !== undefined) visit(target)
    }
    trail.pop()
    done.add(path)
  }
  for (const path of modules.keys()) visit(path)
  return cycles
}

const modules = findModules()
const problems = [...[...modules.values()].flatMap((module) => check(module, modules)), ...findCycles(modules)]
const productCount = [...modules.keys()].filter((path) => path.startsWith('packages/')).length
const importCount = [...modules.values()].reduce((sum, { imports }) => sum + imports.length, 0)
if (productCount === 0) problems.push(`no module under ${posix.join('packages', '*')} was looked at`)
if (productCount > 1 && importCount === 0) problems.push('no import was seen in any module')
for (const problem of problems) console.error(problem)
console.log(`${productCount} modules of the product, ${modules.size} in all, ${importCount} imports, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
