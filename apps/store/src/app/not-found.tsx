import type { Metadata } from 'next'
import { Missing } from '../components/missing.tsx'

export const metadata: Metadata = { title: 'Not found' }

export default Missing
