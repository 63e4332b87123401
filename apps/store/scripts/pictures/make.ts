import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dosa, idli, kathiRoll, samosas } from './breads.ts'
import { burger } from './burgers.ts'
import { biryani, butterChicken, chettinad, choleKulche, dalMakhani, gulabJamun, raita } from './curries.ts'
import { chai, lassi, limeSoda } from './drinks.ts'
import { COPPER, PORCELAIN, seeded, STEEL, table, type Random } from './draw.ts'
import { fettuccine, penne } from './pasta.ts'
import { margherita, pepperoni, pizza, tandooriPaneer } from './pizzas.ts'
import { kulfi, lavaCake } from './sweets.ts'

// Draws the picture of every dish: `node apps/store/scripts/pictures/make.ts`. The same script, the same pictures.

type Dish = readonly [name: string, color: string, tone: string, draw: (random: Random) => string]

const DISHES: readonly Dish[] = [
  ['masala-chai-flask', '#f0b36b', '#f5c587', chai],
  ['mango-lassi', '#5fb3a6', '#78c3b5', lassi],
  ['fresh-lime-soda', '#4fa3b8', '#6bb6c8', limeSoda],
  [
    'hyderabadi-chicken-biryani',
    '#1f5c57',
    '#2a6d66',
    (random) =>
      biryani(random, {
        ware: COPPER,
        rice: ['#fff4d8', '#f3b63c', '#fffaf0', '#e8871e'],
        meat: ['#8d3f17', '#bb6429', '#42190a'],
        bits: 'egg',
      }),
  ],
  [
    'lucknowi-mutton-biryani',
    '#6b3f6e',
    '#7b4d7d',
    (random) =>
      biryani(random, {
        ware: STEEL,
        rice: ['#fff6e0', '#f8e3b0', '#fffdf6', '#efc76a'],
        meat: ['#5d2c18', '#8a4a2a', '#2d120a'],
        bits: 'nuts',
      }),
  ],
  [
    'vegetable-dum-biryani',
    '#e4785a',
    '#ec8c6f',
    (random) => biryani(random, { ware: PORCELAIN, rice: ['#fff6e0', '#f5c95c', '#fffdf6'], bits: 'vegetables' }) + raita(random),
  ],
  ['crispy-chicken-burger', '#f2c14e', '#f6cf70', (random) => burger(random, 'chicken')],
  ['paneer-tikka-burger', '#7fb7a3', '#93c5b2', (random) => burger(random, 'paneer')],
  ['double-cheese-lamb-burger', '#c9503f', '#d4614e', (random) => burger(random, 'lamb')],
  ['gulab-jamun', '#d97f95', '#e292a5', gulabJamun],
  ['chocolate-lava-cake', '#e7a9a0', '#eeb9b1', lavaCake],
  ['kesar-pista-kulfi', '#7d9f5b', '#8eae6c', kulfi],
  ['butter-chicken', '#28525f', '#32606e', butterChicken],
  ['dal-makhani', '#e0a43f', '#e7b257', dalMakhani],
  ['amritsari-chole-kulche', '#7a2f3d', '#8a3b4a', choleKulche],
  ['penne-arrabbiata', '#8fb8c9', '#a2c6d4', penne],
  ['creamy-mushroom-fettuccine', '#c98d62', '#d39b72', fettuccine],
  ['margherita-pizza', '#2f6b50', '#3a7a5d', (random) => pizza(random, '#c8331c', '#f1c562', margherita, 14)],
  ['tandoori-paneer-pizza', '#4a4377', '#575086', (random) => pizza(random, '#c4501c', '#f3bd5a', tandooriPaneer, 20)],
  ['smoked-chicken-pepperoni-pizza', '#e9b94f', '#efc667', (random) => pizza(random, '#b92d17', '#f6cf73', pepperoni, 17)],
  ['punjabi-samosa-pair', '#3d7f86', '#4b8f95', samosas],
  ['chicken-kathi-roll', '#d8643f', '#e07552', kathiRoll],
  ['mysore-masala-dosa', '#f0c463', '#f4d07e', dosa],
  ['idli-sambar', '#c4574a', '#cf685b', idli],
  ['chettinad-chicken-curry', '#b9a23f', '#c6b054', chettinad],
]

const folder = join(import.meta.dirname, '../../public/images/foods')
mkdirSync(folder, { recursive: true })
for (const [name, color, tone, draw] of DISHES) {
  const random = seeded(name)
  const body = table(random, color, tone) + draw(random)
  writeFileSync(join(folder, `${name}.svg`), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 360">${body}</svg>\n`)
}
