import type { Environment } from './environment.ts'
import type { Ad, ImpressionKind } from './events.ts'

const VIEWABLE_RATIO = 0.5
export const VIEWABLE_MS = 1_000
/** A pointer that only passes over it stays shorter. */
export const HOVER_MS = 300

/** Sees which ads are looked at, each once per page view, ad and kind. */
export function createWatcher({ Observer, page, after }: Environment, tell: (ad: Ad, kind: ImpressionKind) => void) {
  const told = new Set<string>()
  const watches = new Set<Watch>()

  /** Tells once it has been on for that long without a break, the page being visible. `attach` says when it is, and returns what ends that. */
  function watch(ad: Ad, kind: ImpressionKind, ms: number, attach: (turn: (on: boolean) => void) => () => void): () => void {
    const key = `${kind} ${ad.ad_id}`
    let isOn = false
    let callOff: (() => void) | undefined
    function end() {
      callOff?.()
      callOff = undefined
    }
    function update() {
      if (!isOn || page.isHidden() || told.has(key)) return end()
      callOff ??= after(ms, () => {
        callOff = undefined
        if (told.has(key)) return
        told.add(key)
        tell(ad, kind)
      })
    }
    const detach = attach((on) => {
      isOn = on
      update()
    })
    const self: Watch = {
      update,
      restart: () => {
        end()
        update()
      },
      stop: () => {
        end()
        detach()
        watches.delete(self)
      },
    }
    watches.add(self)
    return self.stop
  }

  return {
    viewable: (element: Element, ad: Ad): (() => void) =>
      watch(ad, 'viewable', VIEWABLE_MS, (turn) => {
        if (!Observer) return () => {}
        const observer = new Observer(
          // One call may bring several crossings: out and in again is a break, too.
          (entries) => entries.forEach(({ intersectionRatio }) => turn(intersectionRatio >= VIEWABLE_RATIO)),
          { threshold: VIEWABLE_RATIO },
        )
        observer.observe(element)
        return () => observer.disconnect()
      }),
    hover: (element: Element, ad: Ad): (() => void) =>
      watch(ad, 'hover', HOVER_MS, (turn) => {
        // A finger does not hover: it says so on its way to a click.
        const enter = (event: Event) => turn((event as PointerEvent).pointerType !== 'touch')
        const leave = () => turn(false)
        element.addEventListener('pointerenter', enter)
        element.addEventListener('pointerleave', leave)
        return () => {
          element.removeEventListener('pointerenter', enter)
          element.removeEventListener('pointerleave', leave)
        }
      }),
    visibilityChanged: () => watches.forEach(({ update }) => update()),
    newPageView: () => {
      told.clear()
      watches.forEach(({ restart }) => restart())
    },
    stop: () => watches.forEach(({ stop }) => stop()),
  }
}

interface Watch {
  /** The page was hidden, or is seen again. */
  update: () => void
  /** Another page view. */
  restart: () => void
  stop: () => void
}
