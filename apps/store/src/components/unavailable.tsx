import { answerWith } from '../lib/response.ts'
import { BUTTON, Notice } from './notice.tsx'

/** Said on a page of its own, and without a script: trying again is a plain link to the same address. */
export function Unavailable({ title, href, children }: { title: string; href: string; children: string }) {
  answerWith(503)
  return (
    <Notice
      title={title}
      action={
        <a href={href} className={BUTTON}>
          Try again
        </a>
      }
    >
      {children}
    </Notice>
  )
}
