import {
  arcOf,
  between,
  blob,
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
  sprig,
  strewn,
  turned,
  vessel,
  type Random,
} from './draw.ts'

const [X, Y] = [240, 182]

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
