// The hand that all pictures share: light from the upper left, flat colour, a shadow to the lower right.

export interface Point {
  x: number
  y: number
}

export type Random = () => number

/** The same name gives the same picture (mulberry32 over an FNV hash). */
export function seeded(name: string): Random {
  let state = Array.from(name).reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Whole pixels for places, tenths for what is small: a hundredth nobody sees. */
export const n = (value: number) => String(Math.abs(value) < 16 ? Math.round(value * 10) / 10 : Math.round(value))
const xy = ({ x, y }: Point) => `${n(x)} ${n(y)}`
export const between = (random: Random, low: number, high: number) => low + random() * (high - low)
export const at = (cx: number, cy: number, r: number, angle: number): Point => ({
  x: cx + r * Math.cos(angle),
  y: cy + r * Math.sin(angle),
})

export const circle = (x: number, y: number, r: number, attrs: string) => `<circle cx="${n(x)}" cy="${n(y)}" r="${n(r)}" ${attrs}/>`
export const ellipse = (x: number, y: number, rx: number, ry: number, attrs: string) =>
  `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx)}" ry="${n(ry)}" ${attrs}/>`
export const rect = (x: number, y: number, w: number, h: number, r: number, attrs: string) =>
  `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" rx="${n(r)}" ${attrs}/>`
export const path = (d: string, attrs: string) => `<path d="${d}" ${attrs}/>`
export const fill = (color: string, opacity = 1) => (opacity === 1 ? `fill="${color}"` : `fill="${color}" fill-opacity="${opacity}"`)
export const line = (color: string, width: number, opacity = 1) =>
  `fill="none" stroke="${color}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"${opacity === 1 ? '' : ` stroke-opacity="${opacity}"`}`
export const turned = (degrees: number, x: number, y: number, body: string) =>
  `<g transform="rotate(${n(degrees)} ${n(x)} ${n(y)})">${body}</g>`
export const moved = (x: number, y: number, body: string) => `<g transform="translate(${n(x)} ${n(y)})">${body}</g>`
const SHADE = '#1b0f0a'

/** A closed curve through the points (Catmull-Rom as Béziers). */
export function closed(points: readonly Point[]): string {
  const p = (index: number) => points[(index + points.length) % points.length]!
  const curves = points.map((_, i) => {
    const [a, b, c, d] = [p(i - 1), p(i), p(i + 1), p(i + 2)]
    return `C${xy({ x: b.x + (c.x - a.x) / 6, y: b.y + (c.y - a.y) / 6 })} ${xy({ x: c.x - (d.x - b.x) / 6, y: c.y - (d.y - b.y) / 6 })} ${xy(c)}`
  })
  return `M${xy(p(0))}${curves.join('')}Z`
}

/** A round thing of nature: no two alike. */
export function blob(random: Random, { x, y }: Point, rx: number, ry: number, wobble: number, turn = 0, corners = 8): string {
  return closed(
    Array.from({ length: corners }, (_, i) => {
      const angle = (i / corners) * Math.PI * 2
      const k = 1 + between(random, -wobble, wobble)
      const [u, v] = [rx * k * Math.cos(angle), ry * k * Math.sin(angle)]
      return { x: x + u * Math.cos(turn) - v * Math.sin(turn), y: y + u * Math.sin(turn) + v * Math.cos(turn) }
    }),
  )
}

const TRIES = 14

/** Points spread over a disc, each as far from the others as a few tries allow. */
export function strewn(random: Random, count: number, cx: number, cy: number, r: number, keepOff: readonly Point[] = []): Point[] {
  const found: Point[] = []
  for (let i = 0; i < count; i += 1) {
    let best: Point = { x: cx, y: cy }
    let bestGap = -1
    for (let k = 0; k < TRIES; k += 1) {
      const point = at(cx, cy, r * Math.sqrt(random()), random() * Math.PI * 2)
      const gap = Math.min(Infinity, ...[...found, ...keepOff].map((other) => Math.hypot(other.x - point.x, other.y - point.y)))
      if (gap > bestGap) [best, bestGap] = [point, gap]
    }
    found.push(best)
  }
  return found
}

/** Many short strokes in one path: rice, sesame, shreds. */
export function grains(random: Random, points: readonly Point[], length: number, color: string, width: number, opacity = 1): string {
  const d = points.map(({ x, y }) => {
    const angle = random() * Math.PI
    return `M${n(x)} ${n(y)}l${n(length * Math.cos(angle))} ${n(length * Math.sin(angle))}`
  })
  return path(d.join(''), line(color, width, opacity))
}

export const dots = (points: readonly Point[], color: string, width: number, opacity = 1) =>
  path(points.map((point) => `M${xy(point)}h.1`).join(''), line(color, width, opacity))

export function leaf({ x, y }: Point, length: number, degrees: number, color: string, vein: string, width = 0.42): string {
  const w = length * width
  const shape = path(
    `M0 0C${n(length * 0.25)} ${n(-w)} ${n(length * 0.75)} ${n(-w)} ${n(length)} 0C${n(length * 0.75)} ${n(w)} ${n(length * 0.25)} ${n(w)} 0 0Z`,
    fill(color),
  )
  const under = path(`M0 0C${n(length * 0.25)} ${n(w)} ${n(length * 0.75)} ${n(w)} ${n(length)} 0Z`, fill(SHADE, 0.12))
  return `<g transform="translate(${n(x)} ${n(y)}) rotate(${n(degrees)})">${shape}${under}${path(`M2 0H${n(length * 0.86)}`, line(vein, 1.6))}</g>`
}

/** Three leaves of mint, basil or coriander. */
export const sprig = (point: Point, size: number, degrees: number, color = '#3f8f46', vein = '#a9d78a') =>
  [-58, 52, -4].map((each, index) => leaf(point, size * (index === 2 ? 1.15 : 0.9), degrees + each, color, vein)).join('')

/** Dropped below and to the right of what stands on the table. */
export const shadow = (x: number, y: number, rx: number, ry = rx) => ellipse(x + 12, y + 16, rx, ry, fill(SHADE, 0.2))

export const arcOf = (cx: number, cy: number, r: number, from: number, to: number) => {
  const [a, b] = [at(cx, cy, r, (from * Math.PI) / 180), at(cx, cy, r, (to * Math.PI) / 180)]
  return `M${xy(a)}A${n(r)} ${n(r)} 0 ${Math.abs(to - from) > 180 ? 1 : 0} 1 ${xy(b)}`
}

export interface Ware {
  rim: string
  wall: string
  well: string
}

export const PORCELAIN: Ware = { rim: '#fffaf0', wall: '#efe6d6', well: '#fbf4e6' }
export const STEEL: Ware = { rim: '#e9edf0', wall: '#aab4bd', well: '#cfd7dd' }
export const COPPER: Ware = { rim: '#e09a63', wall: '#9c5430', well: '#7b3f25' }
export const IRON: Ware = { rim: '#4a4e55', wall: '#24262b', well: '#2e3137' }
export const CLAY: Ware = { rim: '#c96f45', wall: '#8f4526', well: '#7a3820' }

/** From above: rim, wall, and where the food lies. */
export function vessel(x: number, y: number, r: number, ware: Ware, deep = 0.84): string {
  return (
    shadow(x, y, r) +
    circle(x, y, r, fill(ware.rim)) +
    circle(x, y, r * (deep + 0.06), fill(ware.wall)) +
    circle(x + 1.5, y + 2.5, r * deep, fill(ware.well)) +
    path(arcOf(x, y, r * (0.97 + deep) * 0.5 + 1, 195, 262), line('#fff', Math.max(2, r * 0.035), 0.75))
  )
}

/** A small steel bowl with something in it. */
export function katori(x: number, y: number, r: number, content: string, light: string): string {
  return (
    vessel(x, y, r, STEEL, 0.8) +
    circle(x, y, r * 0.76, fill(content)) +
    path(arcOf(x, y, r * 0.55, 190, 255), line(light, Math.max(2, r * 0.08), 0.8))
  )
}

/** The table: one colour, and one large shape of a second, different for each dish. */
export function table(random: Random, color: string, tone: string): string {
  const start = at(240, 180, between(random, 150, 210), random() * Math.PI * 2)
  return rect(0, 0, 480, 360, 0, fill(color)) + path(blob(random, start, 230, 190, 0.12, random() * 3), fill(tone))
}

export const steam = (x: number, y: number) =>
  path(`M${x} ${y}c-9-12 9-20 0-34M${x + 22} ${y - 6}c-9-12 9-20 0-34M${x - 22} ${y - 4}c-9-12 9-20 0-34`, line('#fff', 5, 0.55))
