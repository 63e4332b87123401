import type { AlertSeverity } from 'flowguard/answers'

export const SEVERITIES: readonly AlertSeverity[] = ['critical', 'warning', 'info']
export const SEVERITY_TONES = { critical: 'bad', warning: 'warn', info: 'plain' } as const satisfies Record<AlertSeverity, string>
