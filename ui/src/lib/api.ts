// The HTTP API as the pages see it. Times are milliseconds since 1970 (UTC); paths begin at the
// page's base URL. Errors are `{"error": "a sentence that says what to do"}` with a 4xx or 5xx.

export type Verdict = 'proven' | 'likely' | 'suspect' | 'normal' | 'unknown'
export type LeakState = 'open' | 'confirmed' | 'accepted' | 'resolved'

/** GET api/v1/status */
export interface Status {
  version: string
  started_at: number
  role: 'view' | 'act'
  authentication: boolean
  targets: { total: number; up: number; down: number }
  store: { bytes: number; samples: number; error: string | null }
  /** Sentences on what is not as it should be: a full disk, a refused configuration, … */
  warnings: string[]
}

export interface Frame {
  function: string
  file: string
  line: number
}
export interface Evidence {
  kind: string
  detail: string
}
export interface Spread {
  affected: number
  instances: number
  goroutines: number
  per_hour: number
  bytes: number
  limit_at: number | null
  worst_instance: string
}

/** GET api/v1/leaks?state=open,confirmed&service=S&q=TEXT → { leaks: LeakSummary[] }, the worst first */
export interface LeakSummary {
  id: string
  service: string
  signature: string
  state: LeakState
  verdict: Verdict
  evidence: Evidence[]
  operation: string
  blocked_at: Frame | null
  started_at: Frame | null
  spread: Spread
  first_seen: number
  last_seen: number
  since_build: string
  is_since_build_sure: boolean
  resolved_build: string | null
  accepted: { reason: string; by: string; until: number | null } | null
  /** Goroutines over all instances in the last 24 h, 48 values; null where nothing was scraped */
  spark: (number | null)[]
}

/** GET api/v1/leaks/ID */
export interface Leak extends LeakSummary {
  history: { at: number; kind: 'opened' | 'confirmed' | 'accepted' | 'resolved' | 'reopened'; build: string; detail: string }[]
  /** Its distinct stacks now, the commonest first, innermost frame first */
  stacks: { frames: Frame[]; count: number }[]
  /** Who keeps the door open, from the last look into memory; empty where nobody looked */
  held_by: string[]
  instances: { id: string; instance: string; build: string; goroutines: number; per_hour: number; up: boolean }[]
  evidence_snapshots: { id: number; at: number; instance: string; kind: string }[]
  /** The commands that go on from here: explain, prove, check */
  commands: { title: string; command: string }[]
  /** What the catalogue or a rule says of such a leak */
  advice: { rule: string | null; text: string } | null
  /** The configuration says where its source is: ask for its explanation */
  has_source: boolean
  /** The same signature in other services */
  elsewhere: { id: string; service: string; goroutines: number }[]
}

/** GET api/v1/leaks/ID/explanation → its cause in the source, as in a terminal */
export interface Explanation {
  text: string
}

/** POST api/v1/leaks/ID/accept {reason, until: number|null}, POST api/v1/leaks/ID/reopen {} → Leak.
 *  Every POST carries the header `X-Gostray: 1` (against forged requests). */

/** GET api/v1/leaks/ID/series?from=&to= → counts over time. Also api/v1/instances/ID/series, api/v1/services/NAME/series */
export interface SeriesAnswer {
  from: number
  to: number
  /** Milliseconds between points */
  step: number
  /** Those with the most goroutines first. points: [time, count]; a gap in the scrapes is a missing point */
  series: { id: string; name: string; build: string; points: [number, number][] }[]
  /** How many others there are, which have fewer */
  others: number
  deploys: { at: number; build: string; instances: number }[]
}

/** GET api/v1/leaks/ID/diff?a_from=&a_to=&b_from=&b_to=  (window A before, B after; mean goroutines)
 *  GET api/v1/instances/ID/diff?…  the whole process */
export interface FlameNode {
  /** '' at the root */
  function: string
  file: string
  line: number
  before: number
  after: number
  children: FlameNode[]
}
export interface DiffAnswer {
  a: [number, number]
  b: [number, number]
  root: FlameNode
}

/** GET api/v1/services → { services: ServiceSummary[] } */
export interface ServiceSummary {
  name: string
  instances: number
  up: number
  goroutines: number
  leaks: number
  builds: string[]
  spark: (number | null)[]
}
/** GET api/v1/services/NAME */
export interface Service extends ServiceSummary {
  instance_list: InstanceSummary[]
  build_list: { build: string; first_seen: number; last_seen: number; instances: number; leaks: number }[]
}
export interface InstanceSummary {
  id: string
  job: string
  service: string
  instance: string
  labels: Record<string, string>
  build: string
  up: boolean
  /** Why the last scrape failed */
  error: string | null
  last_scrape: number | null
  scrape_ms: number | null
  started_at: number
  goroutines: number
  spark: (number | null)[]
}
/** GET api/v1/instances → { instances: InstanceSummary[] } */
/** GET api/v1/instances/ID */
export interface Instance extends InstanceSummary {
  generations: { build: string; started_at: number; last_seen: number }[]
  groups: GroupRow[]
}
export interface GroupRow {
  signature: string
  operation: string
  count: number
  /** Against an hour ago */
  delta: number
  verdict: Verdict
  evidence: Evidence[]
  blocked_at: Frame | null
  started_at: Frame | null
  frames: Frame[]
  leak: string | null
}

/** GET api/v1/instances/ID/snapshot?at=MS — as stored; POST api/v1/instances/ID/snapshot {} — taken now (needs the role `act`);
 *  GET api/v1/evidence/N; POST api/v1/snapshots with a dump as the body (any format of Go) — nothing is kept. */
export interface SnapshotAnswer {
  /** gostray.snapshot/v1 */
  snapshot: SnapshotJson
  /** All goroutines by stack, root = outermost; before is 0 */
  flame: FlameNode
}
export interface SnapshotJson {
  schema: string
  target: { kind: string; name: string; pid: number | null; go_version: string | null; build_id: string | null; module: string | null; started_at: string | null }
  taken_at: string | null
  pause_ns: number | null
  complete: boolean
  notes: string[]
  goroutines: number
  groups: {
    signature: string
    count: number
    state: string
    verdict: Verdict
    evidence: Evidence[]
    oldest_wait_ns: number | null
    blocked_at: Frame | null
    created_at: Frame | null
    stack: Frame[]
    goroutine_ids: number[]
    labels: Record<string, string>
    retained_bytes: number | null
    held_by: string[]
  }[]
}

/** GET api/v1/search?q= → { results: SearchResult[] } */
export interface SearchResult {
  kind: 'leak' | 'service' | 'instance'
  id: string
  title: string
  detail: string
}
