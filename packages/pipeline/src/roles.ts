/** What a process can run (see wiring.ts). By itself, so that a command that runs nothing need not load all that could be run. */
export const ROLES = [
  'gateway',
  'catalog',
  'relay',
  'stream',
  'billing',
  'loader',
  'lake',
  'scheduler',
  'workers',
  'notifier',
  'ops',
] as const
export type Role = (typeof ROLES)[number]

/** Which several processes may run on one data folder: workers share the partitions by leases. */
export const SHARED_ROLES: readonly Role[] = ['workers']
/** And where neither the log nor the tables are files of that folder: these hold nothing there. */
export const SHARED_ON_ENGINES: readonly Role[] = ['workers', 'gateway', 'catalog']
/** Which several processes may run, on any number of machines: of any other one does the work, and the rest stand by. */
export const SCALED_ROLES: readonly Role[] = ['workers', 'gateway', 'catalog', 'ops']

/** How Node is to run either process. Both hold little for long outside of typed arrays, so a small young generation does; the default one grows with the load. */
export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'] as const

/** The processes of `flowguard up`, and what runs in each. */
export const PROCESSES = {
  edge: ['gateway', 'catalog', 'relay'],
  pipeline: ['stream', 'billing', 'loader', 'lake', 'scheduler', 'workers', 'notifier', 'ops'],
} as const satisfies Record<string, readonly Role[]>
