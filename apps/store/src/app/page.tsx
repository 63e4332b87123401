import { Hero } from '../components/hero.tsx'
import { Menu } from '../components/menu.tsx'
import { Unavailable } from '../components/unavailable.tsx'
import { menu } from '../lib/answers.ts'
import { menuOrder, readSelection, selectionHref } from '../lib/selection.ts'

type Search = Promise<Record<string, string | string[] | undefined>>

export default async function MenuPage({ searchParams }: { searchParams: Search }) {
  const [answer, params] = await Promise.all([menu(), searchParams])
  const selection = readSelection({ get: (name) => [params[name]].flat()[0] ?? null })
  if (answer.kind !== 'found') {
    return (
      <Unavailable title="The menu is not here right now" href={selectionHref(selection)}>
        Our catalogue does not answer. That seldom lasts long: try again in a moment, nothing you did is lost.
      </Unavailable>
    )
  }
  const items = menuOrder(answer.value)
  return (
    <>
      <Hero items={items} />
      <Menu items={items} />
    </>
  )
}
