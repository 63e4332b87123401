'use client'

import { usePathname } from 'next/navigation'
import { useEffect } from 'react'
import { pageShown } from '../lib/tracking.ts'

/** Tells the tracker of every page shown; also sends, on any page, what an earlier one could not. */
export function PageViews() {
  const path = usePathname()
  useEffect(() => pageShown(), [path])
  return null
}
