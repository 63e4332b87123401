/** What a process can run (see wiring.ts). By itself, so that a command that runs nothing need not load all that could be run. */
export const ROLES = ['gateway', 'catalog', 'relay', 'stream', 'billing', 'ops'] as const
export type Role = (typeof ROLES)[number]

/** The processes of `flowguard up`, and what runs in each. */
export const PROCESSES = {
  edge: ['gateway', 'catalog', 'relay'],
  pipeline: ['stream', 'billing', 'ops'],
} as const satisfies Record<string, readonly Role[]>
