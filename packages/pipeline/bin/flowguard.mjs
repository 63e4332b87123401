#!/usr/bin/env node
import { fileURLToPath } from 'url'
import { start } from './bootstrap.mjs'

start(fileURLToPath(new URL('../src/main.ts', import.meta.url)), process.argv.slice(2))
