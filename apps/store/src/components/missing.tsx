import { Notice } from './notice.tsx'

/** The framework renders it along with every page, for the case: it must not touch the answer. */
export function Missing() {
  return (
    <Notice title="This plate is empty">
      There is no such page, dish or order here. The link may be old, or a letter of it may have got lost on the way.
    </Notice>
  )
}
