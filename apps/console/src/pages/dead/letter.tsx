import { useCallback, useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import type { DeadEntry, DeadShown } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Badge, Button, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { Editor } from './edit.tsx'

interface Props {
  id: string
  onClose: () => void
  onSettle: (action: 'retry' | 'drop', letter: DeadEntry) => void
  /** It was edited and sent. */
  onSent: () => void
}

/** One letter: raw and decoded, what is wrong with it, and what was done. */
export function Letter({ id, onClose, onSettle, onSent }: Props) {
  const { data, error, reload } = useAsk<DeadShown>(`/api/dead/${id.split('/').map(encodeURIComponent).join('/')}`, { everyMs: 5_000 })
  const { get, set } = useAddress()
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
  const isEditing = get('edit') !== '' && data?.state === 'waiting' && isRaw(data.topic)
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
          {isEditing && <Editor letter={data} onDone={done} onCancel={() => set({ edit: null })} />}
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

/** A record of the log, linked. */
function Place({ at }: { at: string }) {
  const [, topic = '', partition = '', offset = ''] = /^(.+)-(\d+)@(\d+)$/.exec(at) ?? []
  return (
    <Link
      href={linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })}
      className="num text-accent underline underline-offset-2"
    >
      {at}
    </Link>
  )
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
          [
            'key',
            <span key="key" className="font-mono text-xs break-all">
              {letter.key ?? 'none'}
            </span>,
          ],
        ]}
      />
      <div className="flex flex-wrap gap-2">
        {state === 'waiting' && !isEditing && (
          <>
            {isRaw(topic) && (
              <>
                <Button kind="primary" onClick={onEdit}>
                  Edit and retry
                </Button>
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
          href={linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })}
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

function Bytes({ letter: { raw, decoded, value_base64: base64 } }: { letter: DeadShown }) {
  const forms = [...(decoded === undefined ? [] : ['decoded']), 'raw', 'base64']
  const [chosen, setChosen] = useState(forms[0])
  return (
    <>
      <div role="group" aria-label="The bytes as" className="flex gap-1 px-3 pt-3">
        {forms.map((form) => (
          <button
            key={form}
            type="button"
            aria-pressed={form === chosen}
            className={`rounded px-2 py-0.5 capitalize ${form === chosen ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-hover'}`}
            onClick={() => setChosen(form)}
          >
            {form}
          </button>
        ))}
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
