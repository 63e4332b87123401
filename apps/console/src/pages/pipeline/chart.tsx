import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { SPAN_SECONDS } from '../../model/figures.ts'
import { brief } from '../../model/format.ts'
import { theme, zone } from '../../state/preferences.ts'
import { useMedia } from '../../ui/use-media.ts'
import { useStore } from '../../state/store.ts'

const HEIGHT = 110

interface Props {
  /** What is drawn, in words: for whoever does not see it. */
  label: string
  /** Seconds since 1970. */
  at: readonly number[]
  values: readonly (number | null)[]
}

export function Chart({ label, at, values }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const data = useRef<uPlot.AlignedData>([[], []])
  const [shownTheme, shownZone] = [useStore(theme), useStore(zone)]
  // The system's theme may change under way.
  const isDark = useMedia('(prefers-color-scheme: dark)')
  data.current = [[...at], [...values]]

  useEffect(() => {
    const element = box.current
    if (!element) return
    const style = getComputedStyle(element)
    const colour = (name: string) => `rgb(${channels(style.getPropertyValue(name), element).join(' ')})`
    const axis = {
      stroke: colour('--color-muted'),
      grid: { stroke: colour('--color-line'), width: 1 },
      ticks: { show: false },
      font: '11px Inter Variable',
    }
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [6, 22, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        ...(shownZone === 'utc' && { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC') }),
        axes: [
          { ...axis, size: 26, space: 66, values: (_self, ticks) => ticks.map((tick) => clock(tick, shownZone === 'utc')) },
          { ...axis, size: 36, values: (_self, ticks) => ticks.map(brief) },
        ],
        scales: {
          x: { range: (_self, _low, high) => [high - SPAN_SECONDS, high] },
          y: { range: (_self, _low, high) => [0, Math.max(1, high * 1.15)] },
        },
        series: [{}, { stroke: colour('--color-accent'), width: 1.75, points: { show: false } }],
      },
      data.current,
      element,
    )
    plot.current = made
    const fit = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    fit.observe(element)
    return () => {
      fit.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [shownTheme, shownZone, isDark])

  useEffect(() => plot.current?.setData(data.current))
  return <div ref={box} role="img" aria-label={label} className="min-w-0" style={{ height: HEIGHT }} />
}

function clock(seconds: number, isUtc: boolean): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', isUtc ? { timeZone: 'UTC' } : {})
}

/** A canvas knows no `light-dark()`: the browser says what it comes to here. */
function channels(value: string, element: HTMLElement): number[] {
  const probe = document.createElement('span')
  probe.style.color = value
  element.append(probe)
  const found = getComputedStyle(probe).color.match(/\d+/g) ?? []
  probe.remove()
  return found.slice(0, 3).map(Number)
}
