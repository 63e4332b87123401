const PATHS = {
  pipeline: 'M3 6h4m6 0h4M3 14h4m6 0h4M7 4h6v4H7zM7 12h6v4H7z',
  trace: 'M4 16V9a4 4 0 0 1 4-4h8m0 0-3-3m3 3-3 3M8 16h8',
  journeys: 'M6.5 7a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2 13c0-2.8 2-4.5 4.5-4.5M9 16.5h3l2-4 2 4h2',
  topics: 'M3 5c0-1.5 14-1.5 14 0s-14 1.5-14 0zm0 0v10c0 1.5 14 1.5 14 0V5M3 10c0 1.5 14 1.5 14 0',
  dead: 'M3 5h14v10H3zm0 1 7 5 7-5',
  groups: 'M4 16V9m4 7V4m4 12v-5m4 5V7',
  audit: 'M10 3v13m-5 0h10M4 6h12M4 6l-2 5h4zm12 0-2 5h4z',
  business: 'M3 16.5h14M4.5 13.5l3.5-4 3 2.5 5-6.5m0 0h-3.5m3.5 0V9',
  billing: 'M5 2.5h10v15l-2.5-1.7L10 17.5l-2.5-1.7L5 17.5zM8 6.5h4M8 10h4',
  alerts: 'M5 13.5V9a5 5 0 0 1 10 0v4.5l1.5 1.5h-13zM8.5 17.5h3M10 4V2.5',
  etl: 'M4 4h12v4H4zm2 4v4h8V8m-6 4v4h4v-4',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 1.5v2m0 13v2m8.5-8.5h-2m-13 0h-2m14-6-1.4 1.4M5.4 14.6 4 16m12 0-1.4-1.4M5.4 5.4 4 4',
  moon: 'M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z',
  system: 'M3 4h14v9H3zm4 13h6m-3-4v4',
  close: 'm5 5 10 10M15 5 5 15',
  right: 'm8 5 5 5-5 5',
  down: 'm5 8 5 5 5-5',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden
      viewBox="0 0 20 20"
      className={`shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
