import { between, closed, dots, fill, grains, line, path, rect, type Random } from './draw.ts'

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
