// Asks the server. Errors are sentences that say what to do.

export class Failure extends Error {}

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T
  const body = (await response.json().catch(() => null)) as { error?: string } | null
  throw new Failure(body?.error ?? `the server answers ${response.status}`)
}

async function ask(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(`/api/v1/${path}`, init)
  } catch {
    throw new Failure('the gostray server can not be reached: does it still run?')
  }
}

export async function get<T>(path: string): Promise<T> {
  return answer<T>(await ask(path))
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'X-Gostray': '1' }
  return answer<T>(await ask(path, { method: 'POST', headers, body: JSON.stringify(body) }))
}

export async function upload<T>(path: string, body: Blob): Promise<T> {
  return answer<T>(await ask(path, { method: 'POST', headers: { 'X-Gostray': '1' }, body }))
}

/** Parameters as they stand in a URL; those without a value are left out. */
export function query(params: Record<string, string | number | undefined>): string {
  const pairs = Object.entries(params).filter(([, value]) => value !== undefined && value !== '')
  return pairs.length ? `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}` : ''
}
