import type { CopyStanding } from '../../kernel/copies.ts'
import type { NoteRow } from './table.ts'

/** Notes elsewhere. All reject with `counters_unavailable` where they do not answer: then what was asked for is done, or not. */
export interface NotesStore extends AsyncDisposable {
  /** Undefined where there are none, or only half. */
  standing(): Promise<CopyStanding | undefined>
  /** Adds the rows and moves the place from where it stood, or does nothing: false where the epoch or the place is another. */
  apply(step: CopyStanding & { to: number; rows: readonly NoteRow[] }): Promise<boolean>
  /** Notes under a new epoch, which nobody sees until `finish`. */
  fill(epoch: string): Promise<NotesFilling>
}

export interface NotesFilling {
  put(rows: readonly NoteRow[]): Promise<void>
  /** Puts them in the place of what `before` names, or nothing: false where that is no longer what there is, or where some of it was lost. */
  finish(filled: { before: string | undefined; place: number }): Promise<boolean>
}
