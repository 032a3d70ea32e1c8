import { describe, expect, it } from 'vitest'
import { change, layout, size } from './flame'
import { bytes, place, short, span } from './format'
import { en, zh } from './words'

const node = (f: string, before: number, after: number, children: ReturnType<typeof Object>[] = []) =>
  ({ function: f, file: '', line: 1, before, after, children }) as never

describe('words', () => {
  it('are the same in both languages, with the same gaps', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort())
    const gaps = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
    for (const [word, text] of Object.entries(en)) expect(gaps(zh[word as keyof typeof en]), word).toEqual(gaps(text))
  })
})

describe('the icicle', () => {
  const root = node('', 10, 20, [node('a', 0, 15), node('b', 10, 5, [node('c', 10, 5)])])
  it('gives each its share, and never more than its parent has', () => {
    const boxes = layout(root, 0.001)
    const [whole, a, b, c] = ['', 'a', 'b', 'c'].map((f) => boxes.find((box) => box.node.function === f)!)
    expect(whole!.width).toBe(1)
    expect(a!.width + b!.width).toBeLessThanOrEqual(1)
    expect(c!.x).toBe(b!.x)
    expect(c!.depth).toBe(2)
    expect(size(b!.node)).toBe(10)
  })
  it('says what grew and what shrank', () => {
    expect(change(node('', 0, 5))).toBe(1)
    expect(change(node('', 10, 5))).toBe(-0.5)
    expect(change(node('', 0, 0))).toBe(0)
  })
  it('leaves out what is too small to see', () => {
    expect(layout(root, 0.9).length).toBe(1)
  })
})

describe('formats', () => {
  it('are short', () => {
    expect(short('example.com/a/b.(*T).F.func1')).toBe('b.(*T).F.func1')
    expect(short('main.f[example.com/x.T]')).toBe('main.f[example.com/x.T]')
    expect(place('/src/a/b/c.go', 7)).toBe('b/c.go:7')
    expect(bytes(236_000_000)).toBe('236 MB')
    expect(bytes(12)).toBe('12 B')
    expect(span(3_720_000)).toBe('1 h 2 m')
  })
})
