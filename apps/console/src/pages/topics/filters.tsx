import { useEffect, useState, type ReactNode } from 'react'
import type { TopicInfo } from 'flowguard/answers'
import { clockInstant, clockText } from '../../model/format.ts'
import type { useAddress } from '../../state/address.ts'
import { zone } from '../../state/preferences.ts'
import { useStore } from '../../state/store.ts'
import { Button } from '../../ui/basics.tsx'
import { useMedia } from '../../ui/use-media.ts'

const TYPES = ['order', 'click', 'impression', 'page_view', 'purchase', 'user_signup', 'custom', 'heartbeat']
const TYPED_MS = 350
/** A date is typed part by part, and each part makes another whole one. */
const DATED_MS = 900
const PHONE = '(max-width: 767px)'
const NAMES = ['partition', 'offset', 'time', 'key', 'type', 'text', 'order', 'heartbeats'] as const

interface Props {
  topic: TopicInfo
  address: ReturnType<typeof useAddress>
}

/** What of a topic is shown: all of it in the address. On a phone it is folded up, or nothing else would be seen. */
export function Filters(props: Props) {
  const isPhone = useMedia(PHONE)
  const count = NAMES.filter((name) => props.address.get(name) !== '').length
  if (!isPhone) return <Fields {...props} />
  return (
    <details className="border-b border-line">
      <summary className="px-3 py-1.5 text-muted">
        Filters{count > 0 && `, ${count} set`}
        {props.address.get('follow') === '1' && ', following'}
      </summary>
      <Fields {...props} />
    </details>
  )
}

function Fields({ topic, address: { get, set } }: Props) {
  const isTimed = topic.topic === 'raw.orders.v1' || topic.topic === 'raw.clicks.v1'
  const order = get('order') || 'newest'
  const isFiltered = NAMES.some((name) => get(name) !== '')
  const reset = { ...Object.fromEntries(NAMES.map((name) => [name, null])), open: null }
  return (
    <div role="search" aria-label="Records" className="flex flex-wrap items-end gap-x-2 gap-y-2 border-b border-line p-2">
      <Choice label="Partition" value={get('partition')} onChoose={(partition) => set({ partition, offset: null })}>
        <option value="">all</option>
        {topic.partitions.map(({ partition }) => (
          <option key={partition}>{partition}</option>
        ))}
      </Choice>
      <Choice label="Order" value={order} onChoose={(next) => set({ order: next === 'newest' ? null : next, follow: null })}>
        <option value="newest">newest first</option>
        <option value="oldest">oldest first</option>
      </Choice>
      {get('partition') !== '' && <Typed label="From offset" name="offset" pattern="\d{1,15}" width="w-24" get={get} set={set} />}
      <Timed label={order === 'newest' ? 'Back from' : 'On from'} get={get} set={set} />
      <Typed label="Type" name="type" width="w-28" options={TYPES} get={get} set={set} />
      <Typed label="Key" name="key" width="w-36" get={get} set={set} />
      <Typed label="Text in the value" name="text" width="w-44" get={get} set={set} />
      <div className="flex h-7.5 items-center gap-3">
        {isTimed && (
          <label className="flex items-center gap-1.5">
            <input
              type="checkbox"
              className="ticked"
              checked={get('heartbeats') === '1'}
              onChange={(event) => set({ heartbeats: event.target.checked })}
            />
            Heartbeats
          </label>
        )}
        <label className="flex items-center gap-1.5">
          <input
            type="checkbox"
            className="ticked"
            checked={get('follow') === '1'}
            disabled={order !== 'newest' || get('time') !== '' || get('offset') !== ''}
            onChange={(event) => set({ follow: event.target.checked })}
          />
          Follow
        </label>
        {isFiltered && <Button onClick={() => set(reset)}>Reset</Button>}
      </div>
    </div>
  )
}

function Choice({
  label,
  value,
  onChoose,
  children,
}: {
  label: string
  value: string
  onChoose: (value: string) => void
  children: ReactNode
}) {
  return (
    <label className="flex flex-col gap-0.5">
      <span className="text-2xs text-muted">{label}</span>
      <select className="field" value={value} onChange={(event) => onChoose(event.target.value)}>
        {children}
      </select>
    </label>
  )
}

/** An instant, in the zone that was chosen: into the address once nobody types any more, and without a stop for going back at each part of it. */
function Timed({ label, get, set }: { label: string } & Props['address']) {
  const chosen = useStore(zone)
  const time = get('time')
  const shown = Number.isNaN(Date.parse(time)) ? '' : clockText(time, chosen)
  const [text, setText] = useState(shown)
  useEffect(() => setText(shown), [shown])
  useEffect(() => {
    if (text === shown || (text !== '' && !isWhole(text))) return
    const next = text === '' ? null : clockInstant(text, chosen)
    const timer = window.setTimeout(() => set({ time: next, offset: null, follow: null }, { replace: true }), DATED_MS)
    return () => window.clearTimeout(timer)
  }, [text, shown, chosen, set])
  return (
    <label className="flex flex-col gap-0.5">
      <span className="text-2xs text-muted">
        {label} ({chosen === 'utc' ? 'UTC' : 'local'})
      </span>
      <input
        className="field num"
        type="datetime-local"
        step="1"
        min="2000-01-01T00:00:00"
        max="9999-12-31T23:59:59"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  )
}

/** Of this millennium on: while somebody types a year, 0002 is one too. */
const isWhole = (text: string) => /^[2-9]\d{3}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text) && !Number.isNaN(Date.parse(text))

interface TypedProps {
  label: string
  name: string
  width: string
  pattern?: string
  options?: readonly string[]
  get: Props['address']['get']
  set: Props['address']['set']
}

/** Goes into the address once nobody types any more. */
function Typed({ label, name, width, pattern, options, get, set }: TypedProps) {
  const shown = get(name)
  const [text, setText] = useState(shown)
  useEffect(() => setText(shown), [shown])
  useEffect(() => {
    if (text === shown || (pattern !== undefined && text !== '' && !new RegExp(`^${pattern}$`).test(text))) return
    const timer = window.setTimeout(() => set({ [name]: text }, { replace: true }), TYPED_MS)
    return () => window.clearTimeout(timer)
  }, [text, shown, name, pattern, set])
  return (
    <label className="flex flex-col gap-0.5">
      <span className="text-2xs text-muted">{label}</span>
      <input
        className={`field ${width}`}
        value={text}
        pattern={pattern}
        list={options && `options-${name}`}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
      {options && (
        <datalist id={`options-${name}`}>
          {options.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  )
}
