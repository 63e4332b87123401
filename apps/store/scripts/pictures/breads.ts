import {
  arcOf,
  at,
  between,
  blob,
  circle,
  closed,
  dots,
  ellipse,
  fill,
  grains,
  katori,
  leaf,
  line,
  moved,
  path,
  PORCELAIN,
  rect,
  shadow,
  sprig,
  STEEL,
  strewn,
  turned,
  vessel,
  type Point,
  type Random,
} from './draw.ts'
import { chunk } from './curries.ts'

const [X, Y] = [240, 182]

type Topping = (random: Random, places: readonly Point[]) => string

/** On its board, one slice drawn out towards the guest. */
export function pizza(random: Random, sauce: string, cheese: string, topping: Topping, count: number): string {
  const r = 132
  const [from, to] = [18, 62]
  const wedge = (d: number) => {
    const [a, b] = [at(X, Y, d, (from * Math.PI) / 180), at(X, Y, d, (to * Math.PI) / 180)]
    return { a, b }
  }
  const { a, b } = wedge(190)
  const places = strewn(random, count, X, Y, r * 0.72)
  const whole =
    path(blob(random, { x: X, y: Y }, r, r, 0.012, 0, 18), fill('#c07a35')) +
    path(blob(random, { x: X - 3, y: Y - 4 }, r - 5, r - 5, 0.012, 0, 18), fill('#e7ad63')) +
    strewn(random, 9, X, Y, 1)
      .map((_, i) => {
        const p = at(X, Y, r - 10, i * 0.7 + random())
        return path(blob(random, p, between(random, 6, 12), 5, 0.2, i), fill('#7d4319', 0.55))
      })
      .join('') +
    path(blob(random, { x: X, y: Y }, r - 20, r - 20, 0.02, 0, 16), fill(sauce)) +
    path(blob(random, { x: X - 1, y: Y - 2 }, r - 27, r - 27, 0.035, 0, 16), fill(cheese)) +
    topping(random, places)
  const keep = `M${X} ${Y}L${a.x.toFixed(0)} ${a.y.toFixed(0)}L${b.x.toFixed(0)} ${b.y.toFixed(0)}Z`
  return (
    `<defs><clipPath id="s"><path d="${keep}"/></clipPath><clipPath id="r"><path clip-rule="evenodd" d="M0 0H480V360H0Z${keep}"/></clipPath><g id="p">${whole}</g></defs>` +
    shadow(X, Y, 152) +
    circle(X, Y, 152, fill('#a8713d')) +
    circle(X - 2, Y - 3, 148, fill('#c98f55')) +
    path(
      `M${X - 118} ${Y - 70}q110 34 226-14M${X - 144} ${Y + 6}q150 40 288 2M${X - 110} ${Y + 92}q120 26 214-4`,
      line('#a8713d', 3, 0.6),
    ) +
    `<g clip-path="url(#r)"><use href="#p"/></g>` +
    moved(
      34,
      28,
      path(
        `M${X + 6} ${Y + 10}L${at(X, Y, r, 0.35).x + 4} ${at(X, Y, r, 0.35).y + 12}A${r} ${r} 0 0 1 ${at(X, Y, r, 1.05).x.toFixed(0)} ${(at(X, Y, r, 1.05).y + 14).toFixed(0)}Z`,
        fill('#1b0f0a', 0.3),
      ) + `<g clip-path="url(#s)"><use href="#p"/></g>`,
    )
  )
}

const basil = (random: Random, places: readonly Point[]) =>
  places.map((place) => leaf(place, between(random, 28, 36), random() * 360, '#2f8a45', '#9bd489', 0.46)).join('')

export const margherita: Topping = (random, places) =>
  places
    .slice(0, 9)
    .map(
      (place) =>
        path(blob(random, place, between(random, 17, 25), between(random, 15, 20), 0.14), fill('#fff8e4')) +
        path(blob(random, { x: place.x - 3, y: place.y - 4 }, 11, 8, 0.2), fill('#fff')),
    )
    .join('') +
  dots(strewn(random, 18, X, Y, 94), '#c23a1c', 8, 0.75) +
  basil(random, places.slice(9))

export const tandooriPaneer: Topping = (random, places) =>
  places
    .slice(0, 8)
    .map(({ x, y }) =>
      turned(
        random() * 90,
        x,
        y,
        rect(x - 13, y - 10, 30, 28, 6, fill('#1b0f0a', 0.22)) +
          rect(x - 15, y - 14, 30, 28, 6, fill('#f6c66b')) +
          rect(x - 12, y - 12, 22, 18, 4, fill('#fff0c9')) +
          path(`M${x - 8} ${y - 9}l14 12`, line('#9b4a1b', 4, 0.8)),
      ),
    )
    .join('') +
  path(
    places
      .slice(8, 14)
      .map(({ x, y }) => `M${x.toFixed(0)} ${y.toFixed(0)}q12-16 26 0`)
      .join(''),
    line('#3f9a4a', 7),
  ) +
  path(
    places
      .slice(14)
      .map(({ x, y }) => `M${x.toFixed(0)} ${y.toFixed(0)}q8 18 24 6`)
      .join(''),
    line('#b0427d', 5.5),
  ) +
  path(`M${X - 96} ${Y - 30}q24 26 44-6t46 2 46-8 48 6M${X - 84} ${Y + 40}q24 24 44-8t44 6 44-10 40 2`, line('#7fbf4f', 4.5, 0.95))

export const pepperoni: Topping = (random, places) =>
  places
    .slice(0, 13)
    .map(
      ({ x, y }) =>
        circle(x + 2, y + 4, 21, fill('#1b0f0a', 0.22)) +
        circle(x, y, 21, fill('#9c2317')) +
        circle(x - 1, y - 1, 18, fill('#c63a26')) +
        dots(strewn(random, 4, x, y, 11), '#ee8d6a', 4.5) +
        path(arcOf(x, y, 14, 200, 250), line('#f0a184', 3, 0.8)),
    )
    .join('') +
  grains(random, strewn(random, 22, X, Y, 98), 4, '#3f7d35', 3) +
  basil(random, places.slice(13))

const bun = (y: number, sesame: string) =>
  path(`M118 ${y}c0-70 56-104 122-104s122 34 122 104c0 10-6 16-16 16H134c-10 0-16-6-16-16Z`, fill('#d98b3a')) +
  path(`M128 ${y - 6}c4-56 52-86 108-88 50 2 84 22 100 54-40-24-76-30-118-26-44 6-72 28-90 60Z`, fill('#efae5c')) +
  sesame +
  path(`M150 ${y - 46}c12-22 32-34 54-40`, line('#fff0cf', 7, 0.7))

const patty = (random: Random, y: number, color: string, lit: string) =>
  path(
    closed(
      [
        [112, y + 4],
        [140, y - 13],
        [240, y - 17],
        [340, y - 13],
        [368, y + 4],
        [340, y + 22],
        [240, y + 25],
        [140, y + 22],
      ].map(([x, v]) => ({ x: x!, y: v! + between(random, -2, 2) })),
    ),
    fill(color),
  ) +
  dots(
    Array.from({ length: 20 }, () => ({ x: between(random, 128, 352), y: between(random, y - 8, y + 16) })),
    lit,
    6,
    0.75,
  )

const lettuce = (y: number, color: string, lit: string) => {
  const wave = Array.from({ length: 9 }, () => 'q14.5 22 29 0').join('')
  return path(`M108 ${y}${wave}v-14H108Z`, fill(color)) + path(`M112 ${y - 5}${wave.replaceAll('22', '16')}`, line(lit, 3))
}

const melt = (y: number, color: string) =>
  path(`M116 ${y}H364l-22 12-24 26c-6 8-14 4-18-4l-12-16-60 4-30 26c-8 8-14 2-20-6l-22-24Z`, fill(color))

const bottom = (y: number) =>
  path(`M122 ${y}h236c4 0 6 3 6 8 0 24-14 36-38 36H154c-24 0-38-12-38-36 0-5 2-8 6-8Z`, fill('#c67a30')) +
  path(`M126 ${y + 6}h226c2 14-8 22-24 24H150c-16-2-26-10-24-24Z`, fill('#e6a254'))

/** Seen from the side: it is what is between the halves that matters. */
export function burger(random: Random, kind: 'chicken' | 'paneer' | 'lamb'): string {
  const tall = kind === 'lamb'
  const top = tall ? 138 : 160
  const seeds = Array.from({ length: 24 }, () => ({ x: between(random, 158, 322), y: between(random, top - 86, top - 32) })).filter(
    ({ x, y }) => Math.hypot((x - 240) / 112, (y - top) / 92) < 0.94,
  )
  const tomato = (y: number) =>
    [
      [136, 98],
      [246, 98],
    ]
      .map(([x, w]) => rect(x!, y, w!, 15, 7, fill('#d93a2b')) + rect(x! + 6, y + 3, w! - 26, 4, 2, fill('#ff8a70')))
      .join('')
  const onions = (y: number, color: string) =>
    path(Array.from({ length: 5 }, (_, i) => `M${130 + i * 48} ${y + 6}q24-16 44 0`).join(''), line(color, 6))
  const crust = (y: number) => {
    const points = Array.from({ length: 22 }, (_, i) => {
      const angle = (i / 22) * Math.PI * 2
      return { x: 240 + 136 * Math.cos(angle) * between(random, 0.96, 1.04), y: y + 24 * Math.sin(angle) * between(random, 0.85, 1.2) }
    })
    return (
      path(closed(points), fill('#b9651f')) +
      path(closed(points.map(({ x, y: v }) => ({ x: x * 0.94 + 13, y: v * 0.8 + y * 0.2 - 4 }))), fill('#dd8d36')) +
      grains(
        random,
        Array.from({ length: 26 }, () => ({ x: between(random, 124, 350), y: between(random, y - 14, y + 12) })),
        6,
        '#f5bd6a',
        4,
      )
    )
  }
  const slab = (y: number) =>
    rect(112, y - 18, 256, 44, 10, fill('#e08a2c')) +
    rect(116, y - 18, 248, 34, 9, fill('#fbe3b0')) +
    path(Array.from({ length: 6 }, (_, i) => `M${138 + i * 40} ${y - 16}l-12 30`).join(''), line('#b4521b', 7, 0.85))
  const inside = {
    chicken:
      lettuce(254, '#5fae46', '#b5e08a') +
      crust(228) +
      path('M122 206q20 22 44 6t46 8 50-8 46 10 48-14v-8H122Z', fill('#fff3d6')) +
      grains(
        random,
        Array.from({ length: 22 }, () => ({ x: between(random, 128, 340), y: between(random, 186, 202) })),
        16,
        '#b79ad0',
        5,
      ) +
      lettuce(186, '#86c559', '#d5efab'),
    paneer:
      lettuce(256, '#5fae46', '#b5e08a') +
      slab(226) +
      path('M118 208q22 20 44 4t44 10 52-10 44 10 60-14v-8H118Z', fill('#69a843')) +
      onions(190, '#c9548f') +
      onions(196, '#f2b7d1') +
      tomato(176),
    lamb:
      lettuce(262, '#5fae46', '#b5e08a') +
      patty(random, 242, '#5a2a17', '#8a4b2b') +
      melt(216, '#f8b62c') +
      patty(random, 202, '#5a2a17', '#8a4b2b') +
      melt(176, '#f8b62c') +
      onions(166, '#a8612a') +
      onions(160, '#d59148') +
      tomato(146),
  }[kind]
  return (
    `<ellipse cx="262" cy="306" rx="168" ry="24" fill="#1b0f0a" fill-opacity=".22"/>` +
    path('M72 296H408l-14 16H86Z', fill('#8a5a32')) +
    path('M72 296H408l-5 6H77Z', fill('#b98352')) +
    bottom(252) +
    inside +
    bun(top, grains(random, seeds, 6, '#fff3d6', 5.5)) +
    (kind === 'paneer' ? path('M240 42v38', line('#8a5a32', 5)) + path('M240 40l30 9-30 10Z', fill('#2f8a45')) : '')
  )
}

export function samosas(random: Random): string {
  const samosa = (x: number, y: number, turn: number) =>
    turned(
      turn,
      x,
      y,
      path(
        `M${x - 84} ${y + 66}Q${x - 20} ${y + 96} ${x + 92} ${y + 64}Q${x + 60} ${y - 20} ${x + 6} ${y - 82}Q${x - 60} ${y - 10} ${x - 84} ${y + 66}Z`,
        'fill="#1b0f0a" fill-opacity=".25" transform="translate(8 12)"',
      ) +
        path(
          `M${x - 84} ${y + 60}Q${x - 10} ${y + 92} ${x + 88} ${y + 58}Q${x + 56} ${y - 24} ${x + 4} ${y - 86}Q${x - 60} ${y - 16} ${x - 84} ${y + 60}Z`,
          fill('#d0852f'),
        ) +
        path(
          `M${x - 76} ${y + 54}Q${x - 30} ${y + 66} ${x + 14} ${y + 62}Q${x + 18} ${y - 10} ${x + 2} ${y - 76}Q${x - 56} ${y - 12} ${x - 76} ${y + 54}Z`,
          fill('#ecae58'),
        ) +
        path(`M${x + 2} ${y - 76}Q${x + 22} ${y - 8} ${x + 14} ${y + 70}`, line('#a9611f', 4)) +
        path(`M${x - 78} ${y + 58}q8 14 20 6t22 8 22 2 24 4 24-2 24-4 22-10`, line('#a9611f', 5)) +
        dots(strewn(random, 14, x - 18, y + 24, 36), '#c07426', 6, 0.8) +
        path(`M${x - 52} ${y + 22}q14-34 34-58`, line('#ffe2ad', 6, 0.8)),
    )
  return (
    vessel(X, Y, 156, PORCELAIN, 0.88) +
    samosa(176, 160, -10) +
    samosa(262, 206, 13) +
    katori(340, 112, 44, '#5d9b3a', '#c5e79a') +
    katori(136, 282, 40, '#5a2413', '#c77d55') +
    dots(
      [
        { x: 336, y: 118 },
        { x: 350, y: 108 },
        { x: 344, y: 126 },
      ],
      '#dff0b5',
      4,
    ) +
    sprig({ x: 366, y: 246 }, 34, 120)
  )
}

export function kathiRoll(random: Random): string {
  const roll = (x: number, y: number, turn: number) =>
    turned(
      turn,
      x,
      y,
      rect(x - 122, y - 30, 262, 84, 40, fill('#1b0f0a', 0.22)) +
        rect(x - 132, y - 42, 262, 84, 40, fill('#cf8f43')) +
        rect(x - 128, y - 40, 250, 62, 31, fill('#f0c27a')) +
        strewn(random, 12, x - 60, y - 6, 54)
          .map((p) => path(blob(random, { x: p.x, y: y + (p.y - y) * 0.5 }, between(random, 7, 14), 5, 0.2), fill('#a9602a', 0.7)))
          .join('') +
        circle(x + 106, y, 41, fill('#b9752f')) +
        circle(x + 106, y, 33, fill('#f6dca6')) +
        [
          [-10, -10],
          [12, -4],
          [-2, 13],
        ]
          .map(([u, v]) => chunk(random, { x: x + 106 + u!, y: y + v! }, 13, '#a3481c', '#cf7438', '#4d1c0b'))
          .join('') +
        path(`M${x + 90} ${y + 14}q10 12 24 8M${x + 96} ${y - 24}q10-6 20 0`, line('#b0427d', 4.5)) +
        dots(
          [
            { x: x + 120, y: y + 16 },
            { x: x + 88, y: y - 4 },
          ],
          '#6fae3c',
          8,
        ) +
        path(`M${x - 136} ${y - 46}H${x + 2}l14 18-14 20 14 18-14 20 8 18H${x - 136}q-14-46 0-94Z`, fill('#fdf6e6')) +
        path(`M${x - 108} ${y - 46}v94M${x - 72} ${y - 46}v94M${x - 36} ${y - 46}v94`, line('#2f8a7a', 5, 0.55)),
    )
  return (
    rect(64, 48, 376, 284, 26, fill('#1b0f0a', 0.18)) +
    rect(52, 34, 376, 284, 26, fill('#b98352')) +
    path('M52 112q190 26 376-6M52 214q200 22 376 2', line('#9a6a3d', 3, 0.7)) +
    roll(228, 128, -8) +
    roll(240, 228, -8) +
    circle(382, 282, 30, fill('#7fb636')) +
    circle(382, 282, 25, fill('#dff0a8')) +
    path(
      Array.from({ length: 6 }, (_, i) => {
        const p = at(382, 282, 21, i * 1.047)
        return `M382 282L${p.x.toFixed(1)} ${p.y.toFixed(1)}`
      }).join(''),
      line('#8cc04a', 3),
    )
  )
}

/** A banana leaf, from edge to edge. */
const bananaLeaf =
  path('M-10 250C60 60 330 10 500 70L490 214C420 350 130 366-10 250Z', 'fill="#1b0f0a" fill-opacity=".2" transform="translate(4 14)"') +
  path('M-10 250C60 60 330 10 500 70L490 214C420 350 130 366-10 250Z', fill('#3f9149')) +
  path('M-10 250C120 236 380 190 500 130L490 214C420 350 130 366-10 250Z', fill('#33803f')) +
  path('M-10 250C120 236 380 190 500 130', line('#a6d877', 6)) +
  path(
    'M60 240q10-70 60-110M130 228q10-80 70-136M200 212q14-80 70-140M270 196q16-70 70-124M340 176q20-60 60-100M96 238q30 40 70 66M176 222q40 50 90 80M256 206q40 50 100 70M336 184q40 40 90 50',
    line('#a6d877', 2, 0.5),
  )

export function dosa(random: Random): string {
  return (
    bananaLeaf +
    turned(
      -13,
      226,
      200,
      rect(30, 166, 396, 84, 40, 'fill="#1b0f0a" fill-opacity=".28" transform="translate(6 12)"') +
        path('M36 198c0-28 14-44 34-44H396c22 0 36 18 36 44s-14 46-36 46H70c-20 0-34-18-34-46Z', fill('#c4742a')) +
        path('M42 192c0-24 12-36 30-36H392c16 0 28 10 28 30s-20 30-60 30q-90 14-160 4T70 226c-18 0-28-12-28-34Z', fill('#eaa94a')) +
        path('M70 160H392c10 0 18 8 18 16s-12 12-40 12H90c-20 0-34-6-34-14s6-14 14-14Z', fill('#f9d084')) +
        path(
          'M96 164c22 18 22 40 6 60M150 162c26 20 26 42 8 64M208 162c26 20 26 42 8 64M266 162c26 20 26 40 8 62M324 162c22 18 24 36 8 56',
          line('#c77f30', 4, 0.65),
        ) +
        path(
          'M122 166c14 14 16 28 8 44M180 164c16 16 18 30 8 48M238 164c16 16 18 30 8 48M296 164c16 16 18 28 8 46M352 164c12 12 14 24 6 38',
          line('#d9963f', 3, 0.6),
        ) +
        path('M40 206c20 20 60 8 92 18s70-6 110 2 70-12 104-4 54-2 78-10', line('#a5591b', 4, 0.8)) +
        ellipse(404, 199, 27, 44, fill('#d98b34')) +
        ellipse(406, 199, 21, 36, fill('#7c2a14')) +
        path(blob(random, { x: 409, y: 200 }, 20, 30, 0.1), fill('#f0c24b')) +
        path(blob(random, { x: 404, y: 192 }, 10, 14, 0.16), fill('#ffe08a')) +
        dots(strewn(random, 5, 408, 202, 16), '#5b8f33', 6) +
        dots(strewn(random, 4, 408, 202, 16), '#b3301c', 4),
    ) +
    katori(118, 92, 42, '#fbf7ea', '#fff') +
    dots(strewn(random, 6, 118, 92, 22), '#2f7440', 4.5) +
    katori(214, 66, 40, '#c8391f', '#ff9d7e') +
    katori(356, 284, 50, '#cf7d24', '#f8c274') +
    grains(random, strewn(random, 7, 356, 284, 26), 9, '#8a3a16', 8) +
    leaf({ x: 346, y: 276 }, 26, 30, '#2f7440', '#92c77b', 0.3)
  )
}

export function idli(random: Random): string {
  const one = (x: number, y: number) =>
    circle(x + 5, y + 9, 53, fill('#1b0f0a', 0.18)) +
    circle(x, y, 53, fill('#e9e2d2')) +
    circle(x - 2, y - 4, 49, fill('#fffdf6')) +
    dots(strewn(random, 18, x, y, 38), '#ece5d6', 4) +
    path(arcOf(x, y, 40, 20, 80), line('#e3dac6', 6, 0.8))
  return (
    vessel(X - 6, Y, 158, STEEL, 0.9) +
    path('M96 214C110 110 260 60 366 108L372 176C320 280 170 300 96 214Z', fill('#3f9149')) +
    path('M96 214C180 206 300 180 370 140', line('#a6d877', 4)) +
    one(158, 146) +
    one(256, 128) +
    one(202, 222) +
    katori(310, 232, 54, '#cf7d24', '#f8c274') +
    grains(random, strewn(random, 6, 310, 232, 28), 10, '#ef9a3d', 9) +
    grains(random, strewn(random, 4, 310, 232, 28), 14, '#5d9b3a', 6) +
    leaf({ x: 298, y: 226 }, 26, 10, '#2f7440', '#92c77b', 0.3) +
    katori(334, 122, 36, '#fbf7ea', '#fff') +
    dots(strewn(random, 7, 334, 122, 18), '#2f7440', 4) +
    path('M324 124q10-8 18 2', line('#b3221a', 4)) +
    leaf({ x: 186, y: 208 }, 30, 20, '#2f7440', '#92c77b', 0.28) +
    leaf({ x: 190, y: 214 }, 28, 78, '#2f7440', '#92c77b', 0.28)
  )
}
