import { useCallback, useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import type { DeadEntry, DeadShown } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Badge, Button, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { Mono, RecordLink, recordAddress } from '../../ui/record-link.tsx'
import { Segments } from '../../ui/segments.tsx'
import { draftOf } from './drafts.ts'
import { Editor } from './edit.tsx'

interface Props {
  id: string
  /** Counts up when letters were settled from here: it is looked at again. */
  turn: number
  onClose: () => void
  /** The edit is to be left, the letter stays open. */
  onLeaveEdit: () => void
  onSettle: (action: 'retry' | 'drop', letter: DeadEntry) => void
  /** It was edited and sent. */
  onSent: () => void
}

/** One letter: raw and decoded, what is wrong with it, and what was done. */
export function Letter({ id, turn, onClose, onLeaveEdit, onSettle, onSent }: Props) {
  const { data, error, reload } = useAsk<DeadShown>(`/api/dead/${id.split('/').map(encodeURIComponent).join('/')}`, { everyMs: 5_000 })
  const { get, set } = useAddress()
  useEffect(() => {
    if (turn > 0) reload()
  }, [turn, reload])
  const [sentTo, setSentTo] = useState<string>()
  const sentLine = useRef<HTMLParagraphElement>(null)
  // The form that had the focus is gone.
  useEffect(() => sentLine.current?.focus(), [sentTo])
  const done = useCallback(
    (to: string) => {
      setSentTo(to)
      set({ edit: null }, { replace: true })
      reload()
      onSent()
    },
    [set, reload, onSent],
  )
  // Somebody else may settle it meanwhile: what was written is not thrown away for that.
  const isEditing = get('edit') !== '' && data !== undefined && isRaw(data.topic) && (data.state === 'waiting' || draftOf(id) !== undefined)
  return (
    <Aside title={id} onClose={onClose}>
      {sentTo !== undefined && (
        <p ref={sentLine} tabIndex={-1} role="status" className="m-3 mb-0 rounded-md bg-good-soft px-2 py-1.5 text-good">
          Sent in its place: <Place at={sentTo} />
        </p>
      )}
      {error && !data ? (
        <Failure error={error} onRetry={reload} />
      ) : data ? (
        <>
          <Shown letter={data} onSettle={onSettle} onEdit={() => set({ edit: true })} isEditing={isEditing} />
          {isEditing && <Editor letter={data} onDone={done} onCancel={onLeaveEdit} />}
          <Bytes letter={data} />
          <h3 className="border-t border-line px-3 pt-3 font-semibold">Headers</h3>
          <Json value={data.headers} label="The headers" />
        </>
      ) : (
        <Loading what="the letter" />
      )}
    </Aside>
  )
}

/** What was made here cannot be sent by anybody else. */
const isRaw = (topic: string) => topic.startsWith('raw.')

/** A record of the log, as what was done names it. */
function Place({ at }: { at: string }) {
  const [, topic = '', partition = '', offset = ''] = /^(.+)-(\d+)@(\d+)$/.exec(at) ?? []
  return <RecordLink topic={topic} partition={partition} offset={offset} />
}

interface ShownProps {
  letter: DeadShown
  onSettle: Props['onSettle']
  onEdit: () => void
  isEditing: boolean
}

function Shown({ letter, onSettle, onEdit, isEditing }: ShownProps) {
  const { reason, reader, detail, fault, died_at: at, tries, state, event_id: eventId, topic, partition, offset, actions } = letter
  return (
    <div className="flex flex-col gap-3 border-b border-line p-3">
      <p className="rounded-md bg-bad-soft px-2 py-1.5 break-words text-bad">
        {reason}: {detail}
        {fault !== null && fault !== detail && <span className="block">As an event: {fault}</span>}
      </p>
      <Facts
        of={[
          [
            'state',
            <Badge key="state" tone={state === 'waiting' ? 'warn' : 'plain'}>
              {state}
            </Badge>,
          ],
          ['died', <Time key="at" iso={at} />],
          ['buried by', reader],
          ['tries', tries],
          ['key', <Mono key="key">{letter.key ?? 'none'}</Mono>],
        ]}
      />
      <div className="flex flex-wrap gap-2">
        {state === 'waiting' && letter.not_editable !== null && (
          <p className="basis-full text-muted">Not to be edited: {letter.not_editable}.</p>
        )}
        {state === 'waiting' && !isEditing && (
          <>
            {isRaw(topic) && (
              <>
                {letter.not_editable === null && (
                  <Button kind="primary" onClick={onEdit}>
                    Edit and retry
                  </Button>
                )}
                <Button onClick={() => onSettle('retry', letter)}>Retry as it is</Button>
              </>
            )}
            <Button kind="danger" onClick={() => onSettle('drop', letter)}>
              Drop
            </Button>
          </>
        )}
        {eventId !== null && (
          <Link
            href={linkTo('/trace', { id: eventId })}
            className="inline-flex h-7.5 items-center text-accent underline underline-offset-2"
          >
            Trace
          </Link>
        )}
        <Link
          href={recordAddress({ topic, partition, offset })}
          className="inline-flex h-7.5 items-center text-accent underline underline-offset-2"
        >
          In its topic
        </Link>
      </div>
      {actions.length > 0 && (
        <ul aria-label="What was done" className="flex flex-col gap-1">
          {actions.map((action) => (
            <li key={action.at + action.action}>
              <Badge>
                {action.action}
                {action.edited && ', edited'}
              </Badge>{' '}
              <Time iso={action.at} /> {action.sent_to !== null && <Place at={action.sent_to} />}{' '}
              <span className="break-words text-muted">{action.reason}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

type Form = 'decoded' | 'raw' | 'base64'

function Bytes({ letter: { raw, decoded, value_base64: base64 } }: { letter: DeadShown }) {
  const { get, set } = useAddress()
  const forms: readonly Form[] = decoded === undefined ? ['raw', 'base64'] : ['decoded', 'raw', 'base64']
  const [first] = forms
  const chosen = forms.find((form) => form === get('as')) ?? first
  return (
    <>
      <div className="px-3 pt-3">
        <Segments
          label="The bytes as"
          choices={forms.map((form) => [form, form] as const)}
          chosen={chosen ?? 'raw'}
          onChoose={(form) => set({ as: form === first ? null : form }, { replace: true })}
        />
      </div>
      {chosen === 'decoded' ? (
        <Json value={decoded} label="The bytes as JSON" />
      ) : (
        <pre
          role="group"
          aria-label={`The bytes, ${chosen}`}
          tabIndex={0}
          className="max-h-96 overflow-auto p-3 font-mono text-xs break-all whitespace-pre-wrap"
        >
          {chosen === 'raw' ? raw : base64}
        </pre>
      )}
    </>
  )
}
