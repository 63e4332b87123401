import {
  arcOf,
  between,
  blob,
  circle,
  CLAY,
  COPPER,
  dots,
  fill,
  grains,
  IRON,
  katori,
  leaf,
  line,
  n,
  path,
  PORCELAIN,
  rect,
  sprig,
  STEEL,
  strewn,
  turned,
  vessel,
  type Point,
  type Random,
  type Ware,
} from './draw.ts'

const [X, Y] = [240, 182]

/** A chunk of meat: dark edge, lit side, and the marks of the fire. */
export function chunk(random: Random, point: Point, size: number, color: string, lit: string, char: string): string {
  const turn = random() * 3
  const [a, b] = [size, size * between(random, 0.62, 0.8)]
  const marks = [-0.35, 0.05, 0.42].map((k) => {
    const from = { x: point.x + a * k, y: point.y - b * 0.4 }
    return `M${n(from.x)} ${n(from.y)}l${n(size * 0.16)} ${n(b * 0.62)}`
  })
  return (
    path(blob(random, { x: point.x + 3, y: point.y + 5 }, a, b, 0.08, turn), fill('#1b0f0a', 0.28)) +
    path(blob(random, point, a, b, 0.1, turn), fill(color)) +
    path(blob(random, { x: point.x - size * 0.14, y: point.y - size * 0.16 }, a * 0.66, b * 0.58, 0.1, turn), fill(lit)) +
    path(marks.join(''), line(char, size * 0.11, 0.55))
  )
}

const gravy = (random: Random, r: number, color: string, lit: string, deep: string) =>
  circle(X, Y, r, fill(color)) +
  path(blob(random, { x: X + 14, y: Y + 22 }, r * 0.8, r * 0.68, 0.1), fill(deep, 0.5)) +
  path(blob(random, { x: X - 26, y: Y - 28 }, r * 0.56, r * 0.42, 0.14, 0.6), fill(lit, 0.6))

const cream = (d: string) => path(d, line('#fff6e3', 9, 0.95)) + path(d, line('#fff', 3, 0.7))

const handles = (ware: Ware) =>
  [92, 388].map((x) => rect(x - 26, Y - 24, 52, 48, 22, fill(ware.wall)) + rect(x - 14, Y - 13, 28, 26, 12, fill('#1b0f0a', 0.35))).join('')

export function butterChicken(random: Random): string {
  const places = strewn(random, 7, X, Y + 2, 74)
  return (
    handles(COPPER) +
    vessel(X, Y, 142, COPPER, 0.86) +
    gravy(random, 120, '#e2662a', '#f58b45', '#b8431b') +
    places.map((place) => chunk(random, place, between(random, 23, 29), '#b9441c', '#dd6c33', '#5e1d0d')).join('') +
    cream(`M${X - 6} ${Y + 6}c18-14 38 6 24 26s-56 20-66-10 10-78 58-76 84 40 74 90-66 70-108 60`) +
    dots(strewn(random, 16, X, Y, 108), '#ffb968', 6, 0.75) +
    grains(random, strewn(random, 16, X + 6, Y - 8, 70), 7, '#3c6b2c', 3.4) +
    sprig({ x: X - 8, y: Y - 22 }, 38, -70)
  )
}

export function dalMakhani(random: Random): string {
  const beans = strewn(random, 44, X, Y, 106)
  return (
    handles(IRON) +
    vessel(X, Y, 142, IRON, 0.86) +
    gravy(random, 120, '#6a2f1c', '#8d4427', '#4a1d11') +
    grains(random, beans.slice(0, 30), 9, '#3a160d', 12) +
    grains(random, beans.slice(30), 10, '#8f2f22', 14) +
    dots(
      beans.slice(0, 30).map(({ x, y }) => ({ x: x - 1, y: y - 3 })),
      '#7b4636',
      4,
      0.9,
    ) +
    cream(`M${X - 70} ${Y - 12}a66 66 0 1 1 60 78a44 44 0 1 1 22-84`) +
    turned(
      14,
      X + 4,
      Y,
      rect(X - 17, Y - 16, 40, 34, 7, fill('#1b0f0a', 0.3)) +
        rect(X - 20, Y - 22, 40, 34, 7, fill('#ffe58a')) +
        path(`M${X - 12} ${Y - 14}h20`, line('#fff8d6', 5)),
    ) +
    sprig({ x: X + 66, y: Y + 40 }, 32, 20)
  )
}

export function chettinad(random: Random): string {
  const places = strewn(random, 7, X, Y, 78)
  const star = (x: number, y: number) =>
    Array.from({ length: 8 }, (_, i) => leaf({ x, y }, 19, i * 45, '#5b2a14', '#c98a4b', 0.3)).join('') + circle(x, y, 4, fill('#c98a4b'))
  return (
    vessel(X, Y, 144, CLAY, 0.84) +
    path(arcOf(X, Y, 134, 0, 359), `fill="none" stroke="#f3d9b8" stroke-width="4" stroke-dasharray="3 15" stroke-linecap="round"`) +
    gravy(random, 119, '#8a3a16', '#ab5220', '#5f220c') +
    places.map((place) => chunk(random, place, between(random, 24, 31), '#6d2a11', '#97461f', '#2d0f06')).join('') +
    dots(strewn(random, 40, X, Y, 106), '#2b120a', 4.6) +
    dots(strewn(random, 20, X, Y, 106), '#e08a3a', 5, 0.8) +
    star(X - 56, Y + 44) +
    [
      [-20, -76, 20],
      [4, -80, 70],
      [30, -66, 118],
      [66, 22, 60],
      [50, 30, 130],
    ]
      .map(([x, y, turn]) => leaf({ x: X + x!, y: Y + y! }, 40, turn!, '#2f7440', '#92c77b', 0.26))
      .join('') +
    path(`M${X + 16} ${Y - 8}c14-10 36-6 44 6`, line('#b3221a', 9)) +
    path(`M${X + 60} ${Y - 2}l7 7`, line('#4d7d33', 5))
  )
}

export function choleKulche(random: Random): string {
  const kulcha = (x: number, y: number, turn: number) =>
    turned(
      turn,
      x,
      y,
      path(blob(random, { x: x + 6, y: y + 9 }, 72, 60, 0.03), fill('#1b0f0a', 0.22)) +
        path(blob(random, { x, y }, 72, 60, 0.04), fill('#e2b06a')) +
        path(blob(random, { x: x - 5, y: y - 6 }, 62, 49, 0.05), fill('#f4d296')) +
        strewn(random, 9, x, y, 46)
          .map((place) =>
            path(blob(random, place, between(random, 5, 11), between(random, 4, 7), 0.2, random() * 3), fill('#a9602a', 0.75)),
          )
          .join('') +
        grains(random, strewn(random, 14, x, y, 48), 6, '#4b7f36', 3),
    )
  const chickpeas = strewn(random, 26, 306, 150, 50)
  return (
    vessel(X, Y + 2, 158, STEEL, 0.9) +
    kulcha(162, 226, -14) +
    kulcha(192, 146, 12) +
    vessel(306, 150, 70, COPPER, 0.84) +
    circle(306, 150, 58, fill('#7d3c18')) +
    dots(chickpeas, '#b9702c', 19) +
    dots(
      chickpeas.map(({ x, y }) => ({ x: x - 2, y: y - 3 })),
      '#e0a056',
      10,
      0.9,
    ) +
    sprig({ x: 300, y: 156 }, 28, -60) +
    katori(296, 258, 38, '#5a2413', '#c77d55') +
    [
      [226, 292],
      [238, 276],
      [220, 270],
    ]
      .map(
        ([x, y]) => circle(x!, y!, 17, line('#fff', 6)) + circle(x!, y!, 17, line('#c75b8d', 2.5)) + circle(x!, y!, 9, line('#e9a6c3', 3)),
      )
      .join('') +
    path('M352 236q10-20 28-12-2 22-28 12Z', fill('#a9d14a')) +
    path('M354 234q10-14 22-9', line('#e6f3a8', 3))
  )
}

interface Biryani {
  ware: Ware
  rice: readonly string[]
  meat?: readonly [string, string, string]
  bits?: 'egg' | 'vegetables' | 'nuts'
}

export function biryani(random: Random, { ware, rice, meat, bits }: Biryani): string {
  const around = strewn(random, 5, X, Y, 66)
  const layers = rice.map((color, index) => grains(random, strewn(random, 84 - index * 16, X, Y, 110), 13, color, 5))
  const chunks = meat ? around.map((place) => chunk(random, place, between(random, 26, 34), ...meat)) : []
  const between2 = strewn(random, 12, X, Y, 92, meat ? around : [])
  const extras = {
    egg: [
      [-62, 48],
      [70, -34],
    ]
      .map(([x, y], i) =>
        turned(
          i ? 30 : -24,
          X + x!,
          Y + y!,
          path(blob(random, { x: X + x! + 3, y: Y + y! + 5 }, 30, 23, 0.02), fill('#1b0f0a', 0.25)) +
            path(blob(random, { x: X + x!, y: Y + y! }, 30, 23, 0.02), fill('#fffaf0')) +
            circle(X + x! + 2, Y + y!, 13, fill('#f6b521')) +
            circle(X + x! - 2, Y + y! - 4, 4, fill('#ffe08a')),
        ),
      )
      .join(''),
    vegetables:
      between2
        .slice(0, 5)
        .map(({ x, y }) =>
          turned(
            random() * 90,
            x,
            y,
            rect(x - 12, y - 9, 30, 22, 5, fill('#1b0f0a', 0.2)) +
              rect(x - 15, y - 13, 30, 22, 5, fill('#fff1d2')) +
              path(`M${x - 9} ${y - 7}h12`, line('#e0a850', 4)),
          ),
        )
        .join('') +
      grains(random, between2.slice(5), 17, '#ef7f2d', 11) +
      dots(strewn(random, 20, X, Y, 100), '#6fae3c', 13) +
      grains(random, strewn(random, 9, X, Y, 98), 22, '#3f8f46', 6),
    nuts: grains(random, between2.slice(0, 8), 8, '#f0d49c', 9) + dots(strewn(random, 10, X, Y, 96), '#5c2413', 10),
  }
  const onions = strewn(random, 13, X, Y, 96, around).map(
    ({ x, y }) =>
      `M${x.toFixed(0)} ${y.toFixed(0)}q${between(random, -14, 14).toFixed(0)} ${between(random, -12, 2).toFixed(0)} ${between(random, 10, 22).toFixed(0)} ${between(random, -8, 10).toFixed(0)}`,
  )
  return (
    (ware === COPPER ? handles(COPPER) : '') +
    vessel(X, Y, 144, ware, 0.86) +
    circle(X, Y, 121, fill('#c98f2e')) +
    circle(X - 5, Y - 7, 113, fill('#eac56c')) +
    layers.join('') +
    chunks.join('') +
    (bits ? extras[bits] : '') +
    path(onions.join(''), line('#7a3512', 5.5)) +
    sprig({ x: X - 16, y: Y - 66 }, 34, -20) +
    sprig({ x: X + 50, y: Y + 54 }, 30, 80)
  )
}

export const raita = (random: Random) =>
  vessel(404, 292, 50, PORCELAIN, 0.8) +
  circle(404, 292, 40, fill('#fdfdf6')) +
  dots(strewn(random, 10, 404, 292, 30), '#6fae3c', 5) +
  dots(strewn(random, 12, 404, 292, 30), '#b94b2c', 3)

export function gulabJamun(random: Random): string {
  const places = [
    [-44, -34],
    [42, -40],
    [-36, 46],
    [48, 40],
  ]
  return (
    vessel(X, Y, 140, PORCELAIN, 0.8) +
    circle(X, Y, 110, fill('#d98a2b')) +
    path(blob(random, { x: X - 22, y: Y - 26 }, 78, 62, 0.12), fill('#eda845', 0.8)) +
    places
      .map(
        ([x, y]) =>
          circle(X + x! + 4, Y + y! + 7, 42, fill('#1b0f0a', 0.28)) +
          circle(X + x!, Y + y!, 42, fill('#7a3114')) +
          circle(X + x! - 4, Y + y! - 5, 35, fill('#9b451c')) +
          path(arcOf(X + x!, Y + y!, 28, 195, 262), line('#e9a568', 7, 0.9)),
      )
      .join('') +
    grains(random, strewn(random, 26, X, Y, 78), 6, '#8fbf4d', 4) +
    [
      [0, 4, 20],
      [92, 4, 100],
      [-86, 20, -60],
    ]
      .map(([x, y, turn]) => leaf({ x: X + x!, y: Y + y! }, 30, turn!, '#ef7f9d', '#ffc4d2', 0.5))
      .join('') +
    path(arcOf(X, Y, 98, 200, 236), line('#ffe2a3', 5, 0.8))
  )
}
