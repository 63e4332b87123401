import { connection, liveState } from '../api/live.ts'
import { useStore } from '../state/store.ts'
import { Badge, Time } from './basics.tsx'

/** Said where the live state is shown and the connection is lost: since when nothing is known. */
export function Stale() {
  const [state, connected] = [useStore(liveState), useStore(connection)]
  if (connected !== 'lost' || !state) return null
  return (
    <Badge tone="bad">
      <span>
        not known since <Time iso={state.at} isTimeOnly />
      </span>
    </Badge>
  )
}
