// The URL is the state: pages read it, and links and filters write it.

export interface Route {
  page: string
  id: string
  params: URLSearchParams
}

function read(): Route {
  const [page = '', ...rest] = location.pathname.split('/').filter(Boolean)
  return { page, id: decodeURIComponent(rest.join('/')), params: new URLSearchParams(location.search) }
}

let current = $state.raw(read())

export function route(): Route {
  return current
}

export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  current = read()
  if (!replace) scrollTo(0, 0)
}

/** Changes parameters of the page that is shown. */
export function set(changes: Record<string, string | undefined>): void {
  const params = new URLSearchParams(location.search)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') params.delete(key)
    else params.set(key, value)
  }
  const text = params.toString()
  go(location.pathname + (text ? `?${text}` : ''), true)
}

addEventListener('popstate', () => (current = read()))

/** Follows links within the pages without loading them anew. */
export function follow(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest('a')
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
  if (!link || !plain || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
  if (link.pathname.startsWith('/api/') || link.pathname === '/metrics') return
  event.preventDefault()
  go(link.pathname + link.search)
}
