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
  katori,
  leaf,
  line,
  path,
  PORCELAIN,
  rect,
  sprig,
  STEEL,
  strewn,
  turned,
  vessel,
  type Random,
} from './draw.ts'
import { chunk } from './curries.ts'

const [X, Y] = [240, 182]

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
