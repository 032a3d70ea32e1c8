// Lays a tree of stacks out as boxes: the root on top, children below, as wide as they are large.

import type { FlameNode } from './api'

export interface Box {
  node: FlameNode
  depth: number
  /** From 0 to 1. */
  x: number
  width: number
  parent: Box | null
}

/** How wide a node is: the larger of both counts, so that what is gone can still be seen. */
export function size(node: FlameNode): number {
  return Math.max(node.before, node.after)
}

/** Boxes that are at least `least` wide, as a share of the whole. */
export function layout(root: FlameNode, least: number): Box[] {
  const boxes: Box[] = []
  const add = (node: FlameNode, depth: number, x: number, width: number, parent: Box | null) => {
    if (width < least || depth > 120) return
    const box = { node, depth, x, width, parent }
    boxes.push(box)
    const children = [...node.children].sort((a, b) => size(b) - size(a))
    const sum = children.reduce((sum, child) => sum + size(child), 0)
    // A node's children may be larger together than itself where some grew and others shrank.
    const scale = width / Math.max(sum, size(node), 1e-9)
    let at = x
    for (const child of children) {
      const own = size(child) * scale
      add(child, depth + 1, at, own, box)
      at += own
    }
  }
  add(root, 0, 0, 1, null)
  return boxes
}

/** From -1 (all gone) to 1 (all new). */
export function change(node: FlameNode): number {
  const most = size(node)
  return most === 0 ? 0 : (node.after - node.before) / most
}
