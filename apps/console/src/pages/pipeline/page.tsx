import { lazy, Suspense, useCallback } from 'react'
import { Link } from 'wouter'
import { connection, liveState, parts } from '../../api/live.ts'
import type { PartId } from '../../model/figures.ts'
import { count } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Loading, Page } from '../../ui/basics.tsx'
import { Stale } from '../../ui/stale.tsx'
import { Graph } from './graph.tsx'
import { isOnTheRight } from './layout.ts'

const Detail = lazy(async () => ({ default: (await import('./detail.tsx')).Detail }))

export function PipelinePage() {
  const { get, set } = useAddress()
  const [all, connected] = [useStore(parts), useStore(connection)]
  const chosen = get('part')
  const part = all.find(({ id }) => id === chosen)
  const open = useStore(liveState)?.alerts.open ?? 0
  const troubled = all.filter(({ status }) => status === 'bad' || status === 'busy')
  const choose = useCallback((id: PartId) => set({ part: id }), [set])
  const close = useCallback(() => set({ part: null }), [set])
  return (
    <Page
      title="Pipeline"
      about="What comes in, where it goes, and how far each part has got."
      actions={
        all.length > 0 &&
        (connected === 'lost' ? (
          <Stale />
        ) : troubled.length === 0 && open === 0 ? (
          <Badge tone="good">all is well</Badge>
        ) : (
          <>
            {troubled.map(({ id, title, state, status }) => (
              <Badge key={id} tone={status === 'bad' ? 'bad' : 'warn'}>
                {title}: {state}
              </Badge>
            ))}
            {open > 0 && (
              <Link href="/alerts" className="underline underline-offset-2">
                <Badge tone="warn">{open === 1 ? '1 open alert' : `${count(open)} open alerts`}</Badge>
              </Link>
            )}
          </>
        ))
      }
    >
      <div className="relative flex min-h-0 flex-1 flex-col px-4 pb-4 md:px-6">
        <section
          aria-label="The parts of the pipeline"
          className={`h-[66rem] shrink-0 md:h-auto md:min-h-[30rem] md:flex-1 ${connected === 'lost' ? 'opacity-55 grayscale' : ''}`}
        >
          {all.length > 0 ? (
            <Graph chosen={chosen} onChoose={choose} />
          ) : connected === 'lost' ? (
            <Empty title="The operations API does not answer">It is asked again every few seconds; is FlowGuard running?</Empty>
          ) : (
            <Loading what="the pipeline" rows={8} />
          )}
        </section>
        {part && (
          <Suspense fallback={<Loading what={part.title} />}>
            <Detail
              part={part}
              onClose={close}
              className={`lg:absolute lg:inset-y-0 lg:z-10 lg:mb-4 lg:w-88 lg:shadow-xl ${isOnTheRight(part.id) ? 'lg:left-6' : 'lg:right-6'}`}
            />
          </Suspense>
        )}
      </div>
    </Page>
  )
}
