import type { CheckNow } from 'flowguard/answers'
import { Badge } from '../../ui/basics.tsx'

export const STATE_WORDS = {
  passed: 'passed',
  failed: 'failed',
  no_history: 'no history yet',
  no_reference: 'nothing to refer to',
  never_run: 'never run',
} as const satisfies Record<CheckNow['state'], string>

export const STATE_DOTS = {
  passed: 'bg-good',
  failed: 'bg-bad',
  no_history: 'bg-edge',
  no_reference: 'bg-edge',
  never_run: 'bg-edge',
} as const satisfies Record<CheckNow['state'], string>

const TONES = { passed: 'good', no_history: 'plain', no_reference: 'plain', never_run: 'plain' } as const

export function CheckBadge({ state, severity }: Pick<CheckNow, 'state' | 'severity'>) {
  const tone = state === 'failed' ? (severity === 'stop' ? 'bad' : 'warn') : TONES[state]
  return <Badge tone={tone}>{STATE_WORDS[state]}</Badge>
}
