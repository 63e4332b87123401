export const RUN_TONES = { running: 'accent', done: 'good', failed: 'bad', interrupted: 'warn' } as const

/** The warehouse's timestamps are UTC, and say no zone. */
export const utc = (at: string): string => `${at.replace(' ', 'T').replace('Z', '')}Z`
