import {
  arcOf,
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
  moved,
  path,
  PORCELAIN,
  rect,
  shadow,
  sprig,
  steam,
  strewn,
  turned,
  vessel,
  type Random,
} from './draw.ts'

const [X, Y] = [240, 182]
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

export function lavaCake(random: Random): string {
  const crumbs = Array.from({ length: 14 }, () => ({ x: between(random, 120, 360), y: between(random, 292, 306) }))
  return (
    ellipse(254, 304, 196, 34, fill('#1b0f0a', 0.22)) +
    ellipse(240, 292, 190, 36, fill('#e6dcc9')) +
    ellipse(240, 286, 190, 34, fill('#fffaf0')) +
    ellipse(240, 284, 142, 22, fill('#f0e7d6')) +
    path('M146 282q20 16 94 18t108-12q34-2 44 4 14 8-20 12-60 14-140 12t-110-14Z', fill('#4a1d11')) +
    path('M148 122q92-26 184 0l14 158q-106 34-212 0Z', fill('#5a2716')) +
    path('M148 122q40-12 84-13l-16 184q-44-2-82-13Z', fill('#74361f')) +
    ellipse(240, 122, 92, 22, fill('#7d3c23')) +
    dots(
      Array.from({ length: 26 }, () => ({ x: between(random, 150, 330), y: between(random, 156, 276) })),
      '#421a0e',
      6,
      0.6,
    ) +
    path(
      'M192 116q44-20 94 0c16 8 12 40 18 66 4 18 22 20 22 44s-6 46 24 62q-70 22-124 6c22-14 6-42 2-64s-24-20-26-48-18-56-10-66Z',
      fill('#3a130a'),
    ) +
    path(
      'M202 118q36-16 76 0c10 8 8 40 12 62 4 20 20 22 20 46s-4 40 12 54q-42 12-80 4c14-18 4-40 0-60s-24-22-26-46-22-50-14-60Z',
      fill('#7c3a1e'),
    ) +
    path('M214 120q26-8 50 0c6 10 4 44 8 62M276 216c8 22 2 40 12 54', line('#d08a56', 8, 0.85)) +
    dots(
      Array.from({ length: 46 }, () => ({ x: between(random, 160, 322), y: 121 + between(random, -13, 12) })),
      '#fff',
      3,
      0.75,
    ) +
    dots(crumbs, '#5a2716', 7) +
    circle(118, 276, 17, fill('#c8263c')) +
    circle(112, 270, 6, fill('#ff8d94')) +
    circle(92, 284, 14, fill('#d93a4c')) +
    circle(88, 279, 4, fill('#ffb0b3')) +
    sprig({ x: 108, y: 262 }, 30, -80) +
    steam(240, 88)
  )
}

export function kulfi(random: Random): string {
  const pop = (x: number, y: number, turn: number, color: string, lit: string) =>
    turned(
      turn,
      x,
      y,
      moved(10, 14, path(`M${x - 38} ${y + 78}L${x - 30} ${y - 78}q30-40 60 0l8 156q0 14-14 14h-48q-14 0-14-14Z`, fill('#1b0f0a', 0.2))) +
        rect(x - 9, y + 80, 18, 76, 9, fill('#d9b077')) +
        rect(x - 9, y + 80, 8, 76, 4, fill('#efd2a2')) +
        path(`M${x - 38} ${y + 78}L${x - 30} ${y - 78}q30-40 60 0l8 156q0 14-14 14h-48q-14 0-14-14Z`, fill(color)) +
        path(`M${x - 30} ${y + 74}L${x - 24} ${y - 74}q10-14 24-18l-4 166h-14q-12 0-12-10Z`, fill(lit)) +
        path(`M${x - 12} ${y - 84}V${y + 84}M${x + 14} ${y - 84}V${y + 84}`, line('#b5762a', 2.5, 0.35)) +
        grains(
          random,
          Array.from({ length: 20 }, () => ({ x: between(random, x - 26, x + 26), y: between(random, y - 70, y + 74) })),
          6,
          '#7fae45',
          5.5,
        ) +
        grains(
          random,
          Array.from({ length: 12 }, () => ({ x: between(random, x - 26, x + 26), y: between(random, y - 70, y + 70) })),
          11,
          '#d2501b',
          2.4,
        ),
    )
  return (
    shadow(X, Y + 6, 200, 132) +
    ellipse(X, Y + 2, 200, 132, fill('#fffaf0')) +
    ellipse(X, Y + 4, 176, 112, fill('#efe6d6')) +
    ellipse(X + 1, Y + 6, 170, 106, fill('#fbf4e6')) +
    pop(176, 164, -22, '#f0c46a', '#fbe0a1') +
    pop(282, 172, 10, '#f5d48c', '#fff0c4') +
    grains(random, strewn(random, 16, 370, 214, 46), 8, '#8fbf4d', 7) +
    [
      [112, 250, 40],
      [138, 264, -20],
      [362, 126, 80],
    ]
      .map(([x, y, turn]) => leaf({ x: x!, y: y! }, 28, turn!, '#ef7f9d', '#ffc4d2', 0.5))
      .join('')
  )
}

/** Tubes cut aslant. */
export function penne(random: Random): string {
  const tube = (x: number, y: number, turn: number) =>
    turned(
      turn,
      x,
      y,
      rect(x - 28, y - 6, 60, 22, 10, fill('#1b0f0a', 0.28)) +
        path(`M${x - 34} ${y - 11}h56l12 22h-56q-16-4-12-22Z`, fill('#e39a3f')) +
        path(`M${x - 30} ${y - 9}h50l5 9h-52Z`, fill('#f9c873')) +
        ellipse(x + 26, y, 5, 11, `${fill('#8a3113')} transform="rotate(-24 ${x + 26} ${y})"`),
    )
  const places = strewn(random, 30, X, Y, 92).toSorted((a, b) => Math.hypot(b.x - X, b.y - Y) - Math.hypot(a.x - X, a.y - Y))
  return (
    vessel(X, Y, 154, PORCELAIN, 0.78) +
    path(blob(random, { x: X, y: Y }, 114, 110, 0.06, 0, 12), fill('#b92d17')) +
    path(blob(random, { x: X - 8, y: Y - 10 }, 98, 92, 0.08, 0, 12), fill('#d8432a')) +
    places.map(({ x, y }) => tube(Math.round(x), Math.round(y), Math.round(random() * 360))).join('') +
    strewn(random, 13, X, Y, 92)
      .map((p) => path(blob(random, p, between(random, 8, 16), between(random, 6, 10), 0.24), fill('#d63a20')))
      .join('') +
    dots(strewn(random, 16, X, Y, 98), '#8f1d10', 4.4) +
    grains(random, strewn(random, 12, X, Y, 84), 7, '#fff1cd', 4.5) +
    sprig({ x: X + 4, y: Y + 4 }, 46, -80, '#2f8a45', '#9bd489') +
    path(`M${X - 78} ${Y + 50}q20 8 34-8`, line('#c81f16', 8)) +
    path(`M${X - 78} ${Y + 50}l-8 2`, line('#4d7d33', 5))
  )
}

export function fettuccine(random: Random): string {
  const strand = (r: number, from: number, color: string, width: number) =>
    path(arcOf(X + between(random, -8, 8), Y + between(random, -8, 8), r, from, from + between(random, 130, 300)), line(color, width))
  const swirl = Array.from({ length: 22 }, (_, i) => {
    const [r, from] = [104 - i * 4.4, random() * 360]
    return strand(r, from, '#c98f3a', 16) + strand(r, from + 6, i % 2 ? '#f6dfa4' : '#eccb80', 12)
  }).join('')
  const mushroom = ({ x, y }: { x: number; y: number }, turn: number) =>
    turned(
      turn,
      x,
      y,
      moved(3, 5, path(`M${x - 26} ${y + 2}q2-28 26-28t26 28q-2 6-16 4l3 18q-13 8-26 0l3-18q-14 2-16-4Z`, fill('#1b0f0a', 0.3))) +
        path(`M${x - 26} ${y + 2}q2-28 26-28t26 28q-2 6-16 4l3 18q-13 8-26 0l3-18q-14 2-16-4Z`, fill('#8a5530')) +
        path(`M${x - 19} ${y}q2-19 19-19t19 19q-4 3-14 1l2 17q-7 4-14 0l2-17q-10 2-14-1Z`, fill('#f0dcb8')) +
        path(`M${x - 10} ${y - 2}q10-8 20 0`, line('#a87547', 3)),
    )
  return (
    vessel(X, Y, 154, { rim: '#3f5a6b', wall: '#2b4150', well: '#fbf4e6' }, 0.78) +
    path(blob(random, { x: X, y: Y }, 112, 108, 0.05, 0, 12), fill('#f2e2b6')) +
    swirl +
    path(blob(random, { x: X - 14, y: Y - 8 }, 38, 30, 0.2), fill('#fff6dc', 0.8)) +
    strewn(random, 7, X, Y, 78)
      .map((p) => mushroom({ x: Math.round(p.x), y: Math.round(p.y) }, Math.round(random() * 360)))
      .join('') +
    grains(random, strewn(random, 26, X, Y, 96), 5, '#4b7f36', 3.4) +
    dots(strewn(random, 26, X, Y, 96), '#3a2a1a', 2.6) +
    grains(random, strewn(random, 12, X, Y, 80), 10, '#fffbe9', 5) +
    leaf({ x: X - 2, y: Y - 6 }, 24, -110, '#4b7f36', '#a9d78a', 0.34) +
    leaf({ x: X, y: Y }, 24, -60, '#4b7f36', '#a9d78a', 0.34) +
    leaf({ x: X, y: Y }, 22, -10, '#4b7f36', '#a9d78a', 0.34)
  )
}
