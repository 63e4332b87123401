import {
  arcOf,
  at,
  between,
  blob,
  circle,
  dots,
  fill,
  grains,
  leaf,
  line,
  moved,
  path,
  rect,
  shadow,
  strewn,
  turned,
  type Point,
  type Random,
} from './draw.ts'

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
