import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTE_KINDS, NOTES_MAX } from '@flowguard/contract'
import { fc } from '../../kernel/testing/chance.ts'
import { START } from '../../reader/testing/fixture.ts'
import { bodyOf, type Note, type NotesView } from './notes.ts'
import { note } from './testing/notes.ts'

/** A pipeline's store, and a view of the notes in it. What is written is told the view before it resolves. */
export interface NotesAt extends AsyncDisposable {
  view: NotesView
  add(...notes: Note[]): Promise<readonly boolean[]>
}

/** What customers' notes hold to, wherever they lie. */
export function notesConformance(name: string, open: () => Promise<NotesAt>): void {
  test(`${name}: a user's notes come as they were, the newest first, and nobody else's`, async () => {
    await using at = await open()
    const odd = 'a:b/\u{1F35B} "*'
    const all = [
      note('u', 1, 10),
      note('u', 2, 30, { kind: 'ad_order', itemName: null }),
      note(odd, 3, 20),
      note('u', 4, 20, { quantity: 3 }),
    ]
    await at.add(...all)
    assert.deepEqual(await at.view.notes('u', 0), [all[1], all[3], all[0]])
    assert.deepEqual(await at.view.notes(odd, 0), [all[2]])
    assert.deepEqual(await at.view.notes('nobody', 0), [])
  })

  test(`${name}: a note that comes again is the first one, however it comes`, async () => {
    await using at = await open()
    assert.deepEqual(await at.add(note('u', 1, 10), note('u', 1, 10, { notedAt: START + 99 })), [true, false])
    assert.deepEqual(await at.add(note('u', 1, 10), note('u', 1, 10, { kind: 'order_delivered' })), [false, true])
    assert.deepEqual(
      (await at.view.notes('u', 0)).map(({ kind, notedAt }) => [kind, notedAt - START]),
      [
        ['order_delivered', 10],
        ['order_confirmed', 10],
      ].sort((a, b) => (String(a[0]) < String(b[0]) ? 1 : -1)),
    )
  })

  test(`${name}: of a user only the newest ${NOTES_MAX} are kept, in whatever order they come`, async () => {
    await using at = await open()
    const all = Array.from({ length: NOTES_MAX + 20 }, (_, n) => note('u', n, (n * 37) % (NOTES_MAX + 20)))
    for (let from = 0; from < all.length; from += 9) await at.add(...all.slice(from, from + 9))
    const newest = all.toSorted((a, b) => b.ts - a.ts).slice(0, NOTES_MAX)
    assert.deepEqual(await at.view.notes('u', 0), newest)
    // One that was dropped comes again, and is dropped again.
    await at.add(note('u', 0, 0))
    assert.deepEqual(await at.view.notes('u', 0), newest)
  })

  test(`${name}: what came in before then is not told`, async () => {
    await using at = await open()
    await at.add(note('u', 1, 10), note('u', 2, 20), note('u', 3, 30, { notedAt: START + 5 }))
    assert.deepEqual(
      (await at.view.notes('u', START + 10)).map(({ orderId }) => orderId),
      ['o-2', 'o-1'],
    )
  })

  test(`${name}: for random notes of few users at few instants it has what a list of them says`, async () => {
    const drawn = fc.record({
      user: fc.constantFrom('u', 'v'),
      order: fc.nat(90),
      ts: fc.nat(6),
      kind: fc.constantFrom(...NOTE_KINDS),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(drawn, { maxLength: 40 }), { maxLength: 5 }), async (batches) => {
        await using at = await open()
        const seen = new Map<string, Note>()
        for (const batch of batches) {
          const notes = batch.map(({ user, order, ts, kind }) => {
            const key = `${user}/${kind}/${order}`
            seen.set(key, seen.get(key) ?? note(user, order, ts, { kind }))
            return seen.get(key)!
          })
          await at.add(...notes)
        }
        for (const user of ['u', 'v']) {
          const own = [...seen.values()].filter(({ userId }) => userId === user)
          const sorted = own.toSorted((a, b) => b.ts - a.ts || (bodyOf(a) < bodyOf(b) ? 1 : -1))
          assert.deepEqual(await at.view.notes(user, 0), sorted.slice(0, NOTES_MAX))
        }
      }),
      { numRuns: 12 },
    )
  })
}
