// Language and theme: as the browser has them until somebody chooses.

import { en, zh, type Word } from './words'

type Language = 'en' | 'zh'
type Theme = 'light' | 'dark'

function stored<T extends string>(key: string, allowed: readonly T[]): T | undefined {
  try {
    return allowed.find((value) => value === localStorage.getItem(key))
  } catch {
    return undefined
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // A browser that keeps nothing asks again.
  }
}

const asked = new URLSearchParams(location.search).get('lang')
const languages = ['en', 'zh'] as const
let language = $state<Language>(
  languages.find((one) => one === asked) ?? stored('lang', languages) ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'),
)
let theme = $state<Theme>(
  stored('theme', ['light', 'dark'] as const) ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
)

function apply(): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.documentElement.dataset.theme = theme
}
apply()

export function t(word: Word, values: Record<string, string | number> = {}): string {
  const text = (language === 'zh' ? zh : en)[word]
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

export function locale(): string {
  return language === 'zh' ? 'zh-CN' : 'en'
}

export function currentTheme(): Theme {
  return theme
}

export function otherLanguage(): void {
  language = language === 'en' ? 'zh' : 'en'
  store('lang', language)
  apply()
}

export function otherTheme(): void {
  theme = theme === 'light' ? 'dark' : 'light'
  store('theme', theme)
  apply()
}
