// Numbers, times and names as people read them.

export function number(n: number, locale: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: Math.abs(n) < 10 ? 1 : 0 }).format(n)
}

export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000
    at += 1
  }
  return `${n >= 100 || at === 0 ? n.toFixed(0) : n.toFixed(1)} ${units[at]}`
}

/** How long ago, or how long: `3 h 20 m`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} m`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} m` : `${hours} h`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function time(ms: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }).format(ms)
}

/** A function without the path of its package: `user.(*Server).Fetch.func1`. */
export function short(name: string): string {
  const slash = name.lastIndexOf('/', name.includes('[') ? name.indexOf('[') : name.length)
  return slash < 0 ? name : name.slice(slash + 1)
}

/** The last two parts of a path, with the line. */
export function place(file: string, line: number): string {
  const tail = file.split('/').slice(-2).join('/')
  return line > 0 ? `${tail}:${line}` : tail
}
