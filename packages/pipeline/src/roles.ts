/** What a process can run (see wiring.ts). By itself, so that a command that runs nothing need not load all that could be run. */
export const ROLES = ['gateway', 'catalog', 'relay', 'stream', 'billing', 'loader', 'scheduler', 'workers', 'ops'] as const
export type Role = (typeof ROLES)[number]

/** The one role that several processes may run on one data folder: they share the partitions by leases. */
export const SHARED_ROLE = 'workers' satisfies Role

/** How Node is to run either process. Both hold little for long outside of typed arrays, so a small young generation does; the default one grows with the load. */
export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'] as const

/** The processes of `flowguard up`, and what runs in each. */
export const PROCESSES = {
  edge: ['gateway', 'catalog', 'relay'],
  pipeline: ['stream', 'billing', 'loader', 'scheduler', 'workers', 'ops'],
} as const satisfies Record<string, readonly Role[]>
