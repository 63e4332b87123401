import { useEffect, useState } from 'react'

export function useMedia(query: string): boolean {
  const [isMatching, setMatching] = useState(() => window.matchMedia(query).matches)
  useEffect(() => {
    const media = window.matchMedia(query)
    const follow = () => setMatching(media.matches)
    media.addEventListener('change', follow)
    return () => media.removeEventListener('change', follow)
  }, [query])
  return isMatching
}
