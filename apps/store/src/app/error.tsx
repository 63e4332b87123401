'use client'

import { BUTTON, Notice } from '../components/notice.tsx'

export default function PageError({ reset }: { error: Error; reset: () => void }) {
  return (
    <Notice
      title="Something boiled over"
      action={
        <button type="button" onClick={reset} className={BUTTON}>
          Try again
        </button>
      }
    >
      This page broke on our side. Nothing that you ordered is lost.
    </Notice>
  )
}
