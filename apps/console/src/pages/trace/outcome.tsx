import { Fragment, type ReactNode } from 'react'
import { Link } from 'wouter'
import type { LineState, OutcomeLine } from 'flowguard/answers'
import { linkTo } from '../../state/address.ts'
import { Badge, Time } from '../../ui/basics.tsx'
import { RecordLink } from '../../ui/record-link.tsx'

type Mention = OutcomeLine['mentions'][number]

const STATES: Record<LineState, { tone: 'good' | 'accent' | 'warn' | 'plain'; word: string }> = {
  done: { tone: 'good', word: 'done' },
  coming: { tone: 'accent', word: 'to come' },
  amiss: { tone: 'warn', word: 'note' },
  plain: { tone: 'plain', word: 'is' },
}

/** What came of it, line by line: what a line names is linked, and the record that says so. */
export function Outcome({ lines }: { lines: readonly OutcomeLine[] }) {
  return (
    <ul className="flex flex-col gap-1.5 border-b border-line p-3">
      {lines.map(({ what, state, at, mentions, record }) => (
        <li key={what} className="grid grid-cols-[4rem_minmax(0,1fr)] items-baseline gap-2">
          <span>
            <Badge tone={STATES[state].tone}>{STATES[state].word}</Badge>
          </span>
          <div className="min-w-0 break-words">
            <p>{linked(what, mentions)}</p>
            {(isTimed(what, at) || record !== null) && (
              <p className="flex flex-wrap gap-x-3 text-xs text-muted">
                {isTimed(what, at) && <Time iso={at} />}
                {record !== null && <RecordLink {...record} />}
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}

/** Some lines say themselves when. */
const isTimed = (what: string, at: string | null): at is string => at !== null && !what.includes(at)

const addressOf = ({ id, of }: Mention) => (of === 'dead_letter' ? linkTo('/dead', { state: 'any', open: id }) : linkTo('/trace', { id }))

/** The text, with a link where an id stands. */
function linked(text: string, mentions: readonly Mention[]): ReactNode {
  const [mention, ...rest] = mentions
  const at = mention ? text.indexOf(mention.id) : -1
  if (!mention) return text
  if (at < 0) return linked(text, rest)
  return (
    <Fragment key={mention.id}>
      {text.slice(0, at)}
      <Link href={addressOf(mention)} className="break-all text-accent underline underline-offset-2">
        {mention.id}
      </Link>
      {linked(text.slice(at + mention.id.length), rest)}
    </Fragment>
  )
}
