import { useCallback } from 'react'
import { Link } from 'wouter'
import { liveState } from '../../api/live.ts'
import type { RecordShown, TopicInfo } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { bytes, count, duration, rate } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { useStore } from '../../state/store.ts'
import { Age, Failure, Loading, Page, Panel } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { Filters } from './filters.tsx'
import { RecordList } from './list.tsx'
import { RecordAside } from './record.tsx'
import { useRecords } from './use-records.ts'

const EVERY_MS = 5_000
const LINK = 'text-accent underline underline-offset-2'

export function TopicsPage() {
  const { get } = useAddress()
  const { data, error, reload } = useAsk<{ topics: TopicInfo[] }>('/api/topics', { everyMs: EVERY_MS })
  const chosen = data?.topics.find(({ topic }) => topic === get('topic'))
  if (chosen) return <TopicPage key={chosen.topic} topic={chosen} all={data?.topics ?? []} />
  return (
    <Page title="Topics" about="What the log holds: sizes, ages, and every record.">
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        {data && get('topic') !== '' && (
          <p role="alert" className="rounded-md bg-warn-soft px-3 py-2 break-words text-warn">
            There is no topic {get('topic')}. These there are:
          </p>
        )}
        {error && !data ? <Failure error={error} onRetry={reload} /> : data ? <Topics all={data.topics} /> : <Loading what="the topics" />}
      </div>
    </Page>
  )
}

function Topics({ all }: { all: readonly TopicInfo[] }) {
  const rates = useStore(liveState)?.topic_rates ?? {}
  const now = Date.now()
  const oldest = ({ partitions }: TopicInfo) => partitions.flatMap(({ oldest_appended: at }) => at ?? []).toSorted()[0]
  const newest = ({ partitions }: TopicInfo) =>
    partitions
      .flatMap(({ newest_appended: at }) => at ?? [])
      .toSorted()
      .at(-1)
  const columns: Column<TopicInfo>[] = [
    {
      name: 'topic',
      show: ({ topic }) => (
        <Link href={linkTo('/topics', { topic })} className={LINK}>
          {topic}
        </Link>
      ),
    },
    { name: 'records', isNumber: true, show: ({ records }) => count(records) },
    { name: 'a second', isNumber: true, show: ({ topic }) => (topic in rates ? rate(rates[topic]) : '') },
    { name: 'size', isNumber: true, show: ({ bytes: size }) => bytes(size) },
    { name: 'partitions', isNumber: true, show: ({ partitions }) => partitions.length },
    { name: 'oldest', isNumber: true, show: (topic) => age(oldest(topic), now) },
    { name: 'newest', isNumber: true, show: (topic) => age(newest(topic), now) },
    { name: 'kept', isNumber: true, show: ({ retention_ms: ms }) => duration(ms) },
  ]
  return (
    <Panel>
      <Table label="Topics" columns={columns} rows={all} keyOf={({ topic }) => topic} />
    </Panel>
  )
}

const age = (at: string | null | undefined, now: number) => (at ? <Age iso={at} now={now} /> : 'none')

function TopicPage({ topic, all }: { topic: TopicInfo; all: readonly TopicInfo[] }) {
  const address = useAddress()
  const { get, set } = address
  const [partition, offset, open] = [get('partition'), get('offset'), get('open')]
  const query = new URLSearchParams({ order: get('order') || 'newest' })
  for (const name of ['partition', 'time', 'key', 'type', 'text', 'heartbeats']) if (get(name) !== '') query.set(name, get(name))
  const isFollowing = get('follow') === '1' && !query.has('time') && offset === '' && query.get('order') === 'newest'
  const records = useRecords(topic.topic, query.toString(), partition !== '' && offset !== '' ? `${partition}:${offset}` : '', isFollowing)
  const close = useCallback(() => set({ open: null, as: null }), [set])
  const choose = useCallback((record: RecordShown) => set({ open: `${record.partition}:${record.offset}` }), [set])
  return (
    <Page
      title={topic.topic}
      about={`${count(topic.records)} records, ${topic.bytes === null ? 'of unknown size' : bytes(topic.bytes)}, in ${topic.partitions.length} partitions; kept ${duration(topic.retention_ms)}.`}
      actions={
        <>
          <label>
            <span className="sr-only">Topic</span>
            <select
              className="field"
              value={topic.topic}
              onChange={(event) =>
                set({ topic: event.target.value, partition: null, offset: null, open: null, type: null, key: null, text: null, time: null })
              }
            >
              {all.map(({ topic: name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <Link href="/topics" className={LINK}>
            All topics
          </Link>
        </>
      }
    >
      <div
        className={`grid min-h-0 flex-1 grid-rows-[auto_minmax(26rem,1fr)] gap-3 px-4 pb-4 md:px-6 ${open ? 'lg:grid-cols-[minmax(0,1fr)_26rem]' : ''}`}
      >
        <details
          className="panel lg:col-span-full"
          open={get('parts') !== ''}
          onToggle={(event) => set({ parts: event.currentTarget.open }, { replace: true })}
        >
          <summary className="px-3 py-1.5 text-muted">Partitions</summary>
          <Partitions topic={topic} onChoose={(chosen) => set({ partition: chosen, offset: null })} chosen={partition} />
        </details>
        <Panel className="flex min-h-0 flex-col overflow-hidden">
          <Filters topic={topic} address={address} />
          <RecordList records={records} open={open} onOpen={choose} />
        </Panel>
        {open && <RecordAside topic={topic.topic} place={open} onClose={close} />}
      </div>
    </Page>
  )
}

function Partitions({ topic, chosen, onChoose }: { topic: TopicInfo; chosen: string; onChoose: (partition: number) => void }) {
  const now = Date.now()
  const columns: Column<TopicInfo['partitions'][number]>[] = [
    {
      name: 'partition',
      show: ({ partition }) => (
        <button type="button" className={LINK} onClick={() => onChoose(partition)}>
          {partition}
        </button>
      ),
    },
    { name: 'from', isNumber: true, show: ({ start }) => count(start) },
    { name: 'to', isNumber: true, show: ({ end }) => count(end) },
    { name: 'records', isNumber: true, show: ({ records }) => count(records) },
    { name: 'size', isNumber: true, show: ({ bytes: size }) => bytes(size) },
    { name: 'oldest', isNumber: true, show: ({ oldest_appended: at }) => age(at, now) },
    { name: 'newest', isNumber: true, show: ({ newest_appended: at }) => age(at, now) },
  ]
  return (
    <Table
      label="Partitions"
      columns={columns}
      rows={topic.partitions}
      keyOf={({ partition }) => String(partition)}
      isChosen={({ partition }) => String(partition) === chosen}
    />
  )
}
