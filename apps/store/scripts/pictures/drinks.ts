import {
  at,
  between,
  blob,
  circle,
  dots,
  ellipse,
  fill,
  grains,
  leaf,
  line,
  path,
  rect,
  sprig,
  steam,
  strewn,
  turned,
  type Random,
} from './draw.ts'

const ground = (rx: number, x = 252) => ellipse(x, 314, rx, 18, fill('#1b0f0a', 0.22))

/** A glass of `top` and `foot` half widths, from y to y, filled up to `level`. */
function glass(x: number, y0: number, y1: number, top: number, foot: number, level: number, liquid: string): string {
  const widthAt = (y: number) => top + ((foot - top) * (y - y0)) / (y1 - y0)
  const w = widthAt(level) - 6
  return (
    path(`M${x - top} ${y0}H${x + top}L${x + foot} ${y1 - 10}q-1 10-12 10H${x - foot + 12}q-11 0-12-10Z`, fill('#fff', 0.28)) +
    path(`M${x - w} ${level}H${x + w}L${x + foot - 6} ${y1 - 16}q-1 8-10 8H${x - foot + 16}q-9 0-10-8Z`, fill(liquid))
  )
}
const gleam = (x: number, y0: number, y1: number, lean: number) =>
  path(`M${x} ${y0}L${x + lean} ${y1}`, line('#fff', 9, 0.6)) +
  path(`M${x + 16} ${y0}L${x + 16 + lean} ${y0 + (y1 - y0) * 0.5}`, line('#fff', 4, 0.45))

export function chai(random: Random): string {
  const flask =
    rect(110, 78, 112, 232, 30, fill('#b23a2b')) +
    rect(110, 78, 54, 232, 27, fill('#cf5140')) +
    rect(110, 140, 112, 18, 0, fill('#f4e3c4')) +
    rect(110, 166, 112, 6, 0, fill('#f4e3c4')) +
    path('M222 150h18q26 0 26 30v40q0 28-26 28h-18v-16h14q12 0 12-14v-36q0-16-12-16h-14Z', fill('#8c2a1e')) +
    rect(122, 44, 88, 42, 14, fill('#dfe4e8')) +
    rect(122, 44, 40, 42, 14, fill('#f5f8fa')) +
    rect(140, 26, 52, 24, 10, fill('#aab4bd')) +
    rect(128, 96, 8, 190, 4, fill('#fff', 0.4)) +
    [0, 1, 2].map((i) => leaf({ x: 166, y: 250 }, 34, -130 + i * 40, '#f4e3c4', '#cf5140', 0.36)).join('')
  const cup = (x: number, y: number) =>
    glass(x, y, y + 92, 34, 25, y + 14, '#c07a3f') +
    ellipse(x, y + 14, 27, 6, fill('#dba068')) +
    dots(
      [
        { x: x - 8, y: y + 14 },
        { x: x + 6, y: y + 16 },
        { x: x + 12, y: y + 12 },
      ],
      '#f3d0a2',
      4,
    ) +
    path(`M${x - 27} ${y + 34}h54M${x - 25} ${y + 58}h50`, line('#fff', 2, 0.35)) +
    gleam(x - 22, y + 22, y + 74, 5)
  return (
    ground(190) +
    flask +
    cup(302, 218) +
    cup(384, 212) +
    steam(302, 206) +
    steam(384, 200) +
    [
      [286, 322, 20],
      [330, 326, -30],
      [440, 318, 60],
    ]
      .map(([x, y, turn]) => leaf({ x: x!, y: y! }, 24, turn!, '#9dbd5c', '#dcebb0', 0.4))
      .join('') +
    path(blob(random, { x: 70, y: 300 }, 34, 18, 0.16, -0.2), fill('#c99a5b')) +
    path(blob(random, { x: 52, y: 284 }, 15, 11, 0.1), fill('#d9b077')) +
    path('M52 298q12-6 26 0M60 308q12-6 24-2', line('#a87a40', 3))
  )
}

export function lassi(random: Random): string {
  const cubes = [
    [94, 292],
    [126, 302],
    [108, 270],
  ]
    .map(([x, y]) =>
      turned(
        between(random, -16, 16),
        x!,
        y!,
        rect(x! - 15, y! - 13, 30, 26, 5, fill('#e9902a')) + rect(x! - 13, y! - 13, 24, 16, 4, fill('#ffbe4f')),
      ),
    )
    .join('')
  const mango = turned(
    24,
    372,
    262,
    path('M310 262c4-38 44-62 82-50s56 40 40 68-60 40-92 30-32-26-30-48Z', fill('#ef8b2a')) +
      path('M318 258c8-30 40-48 72-40s44 30 30 50-94 20-102-10Z', fill('#ffb23e')) +
      path('M334 246c12-16 34-22 54-16', line('#fff0b8', 8, 0.8)) +
      path('M434 236q10-14 24-12', line('#7a4a1e', 6)),
  )
  return (
    ground(180) +
    mango +
    leaf({ x: 424, y: 220 }, 52, -40, '#3f8f46', '#a9d78a') +
    glass(226, 70, 312, 66, 46, 92, '#f9b530') +
    path('M172 124c34 34 56-16 86 6s14 50-10 56-52 2-58 34 26 40 34 62-6 20-14 20h-14q-10 0-11-8Z', fill('#ffd978', 0.9)) +
    path('M262 214c14-2 10 40 2 62', line('#ffd978', 13, 0.8)) +
    ellipse(226, 92, 60, 13, fill('#ffe3a0')) +
    path(blob(random, { x: 226, y: 84 }, 50, 18, 0.12), fill('#fff4d6')) +
    grains(
      random,
      strewn(random, 16, 226, 0, 34).map(({ x, y }) => ({ x, y: 82 + y * 0.28 })),
      6,
      '#7fae45',
      4.5,
    ) +
    grains(
      random,
      strewn(random, 7, 226, 0, 32).map(({ x, y }) => ({ x, y: 82 + y * 0.26 })),
      9,
      '#e8731c',
      2.6,
    ) +
    path('M262 84 292 18l22-8', line('#2f8a7a', 9)) +
    path('M262 84 292 18', line('#7fd0bf', 3)) +
    sprig({ x: 206, y: 82 }, 34, -96) +
    gleam(178, 112, 270, 14) +
    cubes
  )
}

const wheel = (x: number, y: number, r: number) =>
  circle(x + 3, y + 5, r, fill('#1b0f0a', 0.16)) +
  circle(x, y, r, fill('#6da82e')) +
  circle(x, y, r * 0.88, fill('#f3f9d2')) +
  Array.from({ length: 8 }, (_, i) => {
    const [a, b] = [at(x, y, r * 0.78, i * 0.785 + 0.08), at(x, y, r * 0.78, i * 0.785 + 0.7)]
    const c = at(x, y, r * 0.13, i * 0.785 + 0.39)
    return `M${c.x.toFixed(1)} ${c.y.toFixed(1)}L${a.x.toFixed(1)} ${a.y.toFixed(1)}A${(r * 0.78).toFixed(0)} ${(r * 0.78).toFixed(0)} 0 0 1 ${b.x.toFixed(1)} ${b.y.toFixed(1)}Z`
  }).reduce((all, d) => all + path(d, fill('#b9dc4e')), '')

export function limeSoda(random: Random): string {
  const ice = [
    [204, 130, 12],
    [252, 122, -16],
    [228, 178, 30],
    [262, 196, -8],
    [206, 226, 20],
  ]
    .map(([x, y, turn]) =>
      turned(turn!, x!, y!, rect(x! - 22, y! - 22, 44, 44, 9, fill('#fff', 0.5)) + rect(x! - 16, y! - 16, 20, 12, 5, fill('#fff', 0.7))),
    )
    .join('')
  return (
    ground(180) +
    wheel(396, 272, 46) +
    wheel(92, 286, 36) +
    glass(232, 60, 312, 62, 52, 92, '#cfe88a') +
    path('M180 200 186 296q1 8 10 8h72q9 0 10-8l6-96q-52 22-104 0Z', fill('#a8d15a', 0.6)) +
    ice +
    dots(
      Array.from({ length: 34 }, () => ({ x: between(random, 188, 276), y: between(random, 106, 296) })),
      '#fff',
      6,
      0.75,
    ) +
    dots(
      Array.from({ length: 20 }, () => ({ x: between(random, 188, 276), y: between(random, 100, 296) })),
      '#fff',
      3.4,
      0.9,
    ) +
    ellipse(232, 92, 55, 9, fill('#e9f6bd')) +
    path('M208 90 174 14', line('#e2574c', 9)) +
    path('M208 90 174 14', line('#ffb1a6', 3)) +
    wheel(290, 78, 40) +
    sprig({ x: 236, y: 88 }, 34, -90) +
    gleam(186, 104, 280, 6) +
    [
      [340, 308, 200],
      [140, 312, -30],
    ]
      .map(([x, y, turn]) => leaf({ x: x!, y: y! }, 32, turn!, '#4d9a4f', '#b8e09a'))
      .join('')
  )
}
