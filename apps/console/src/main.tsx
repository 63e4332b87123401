import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { followLive } from './api/live.ts'
import { App } from './app.tsx'
import { showTheme } from './state/preferences.ts'
import './styles.css'

showTheme()
void followLive()
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
