import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from '../../kernel/errors.ts'
import { temporaryFolder } from '../../reader/testing/fixture.ts'
import { notesConformance } from '../customers/notes.conformance.ts'
import { openedNotes } from '../customers/testing/notes.ts'
import { sqliteNotesView } from './sqlite-notes.ts'

notesConformance('sqlite', async () => {
  const store = openedNotes()
  const view = sqliteNotesView(store.path)
  return {
    view,
    add: async (...notes) => store.add(...notes),
    async [Symbol.asyncDispose]() {
      view[Symbol.dispose]()
      store[Symbol.dispose]()
    },
  }
})

test('before there is a store, that is said, and asked again', async () => {
  using folder = temporaryFolder()
  using view = sqliteNotesView(join(folder.path, 'pipeline.db'))
  await assert.rejects(view.notes('u', 0), (error) => hasCode(error, 'store_missing'))
})
