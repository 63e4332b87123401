import {
  between,
  circle,
  dots,
  ellipse,
  fill,
  grains,
  leaf,
  line,
  moved,
  path,
  rect,
  shadow,
  sprig,
  steam,
  strewn,
  turned,
  type Random,
} from './draw.ts'

const [X, Y] = [240, 182]

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
