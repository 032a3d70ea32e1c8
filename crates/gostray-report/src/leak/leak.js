'use strict'
// Zoom and filter. All that is on the page can be read without it. Text goes from the page to the page, never as markup.
;(() => {
  const number = new Intl.NumberFormat('en')
  for (const hidden of document.querySelectorAll('.filter, .scripted')) hidden.hidden = false

  const input = document.getElementById('filter')

  // What a link leads to may be folded or filtered away; on paper nothing is folded.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1))
    if (!target) return
    if (target.closest('.off')) {
      input.value = ''
      input.dispatchEvent(new Event('input'))
    }
    for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true
    target.scrollIntoView()
  }
  addEventListener('hashchange', unfold)
  unfold()
  addEventListener('beforeprint', () => document.querySelectorAll('details').forEach((one) => (one.open = true)))

  // The icicle. Boxes stand in the order in which they are drawn: who called one is in front of it.
  const icicle = document.getElementById('icicle')
  const said = document.getElementById('said')
  const boxes = [...document.querySelectorAll('#icicle > a')].map((link) => {
    const box = link.firstElementChild.nextElementSibling
    const title = link.firstElementChild.textContent
    return { link, box, title, text: title.toLowerCase(), x: parseFloat(box.getAttribute('x')), width: parseFloat(box.getAttribute('width')), below: [] }
  })
  boxes.forEach((box, at) => {
    box.up = boxes[+box.link.dataset.up]
    if (at > 0) box.up.below.push(box)
    box.link.setAttribute('role', 'button')
    box.link.tabIndex = at === 0 ? 0 : -1
  })
  let focus = boxes[0]

  const say = (box) => {
    const groups = box.link.dataset.groups.split(' ').map((group) => {
      const link = document.createElement('a')
      link.href = document.getElementById(`g${group}`) ? `#g${group}` : '#more'
      link.textContent = `#${group}`
      return link
    })
    const more = box.link.dataset.more ? ` … and ${box.link.dataset.more} more` : ''
    said.replaceChildren(`${box.title}. Groups:`, ...groups.flatMap((link) => [' ', link]), more)
  }

  const layout = () => {
    const wide = icicle.clientWidth
    const above = new Set()
    for (let box = focus; box !== boxes[0]; box = box.up) above.add(box.up)
    for (const box of boxes) {
      const is_above = above.has(box)
      const x = is_above ? 0 : ((box.x - focus.x) / focus.width) * 100
      const width = is_above ? 100 : (box.width / focus.width) * 100
      const is_below = x > -0.001 && x + width < 100.001 && +box.box.getAttribute('y') >= +focus.box.getAttribute('y')
      box.box.setAttribute('x', `${x}%`)
      box.box.setAttribute('width', `${width}%`)
      box.link.classList.toggle('gone', !is_above && !is_below)
      box.link.classList.toggle('narrow', (width / 100) * wide < 24)
      box.link.classList.toggle('thin', (width / 100) * wide < 4)
    }
  }

  const zoom = (box) => {
    focus = box
    layout()
    move(box)
  }
  const move = (box) => {
    if (!box) return
    for (const one of boxes) one.link.tabIndex = one === box ? 0 : -1
    box.link.focus({ preventScroll: true })
    say(box)
  }

  for (const box of boxes) {
    box.link.addEventListener('click', (event) => {
      event.preventDefault()
      zoom(box)
    })
    box.link.addEventListener('keydown', (event) => {
      const beside = box.up.below
      const at = beside.indexOf(box)
      const to = { ArrowUp: box.up, ArrowDown: box.below[0], ArrowLeft: beside[at - 1], ArrowRight: beside[at + 1] }
      if (event.key in to) move(to[event.key])
      else if (event.key === ' ') zoom(box)
      else if (event.key === 'Escape') zoom(boxes[0])
      else return
      event.preventDefault()
    })
  }
  if (icicle) {
    layout()
    say(boxes[0])
    addEventListener('resize', layout)
  }

  // The filter: groups are hidden, what else does not match is dimmed.
  const filtered = document.getElementById('filtered')
  const groups = [...document.querySelectorAll('.group')].map((group) => ({ group, text: group.textContent.toLowerCase() }))
  const rows = [...document.querySelectorAll('.tree li')].map((row) => ({ row, text: (row.querySelector('.row .mono')?.title ?? '').toLowerCase() }))
  input.addEventListener('input', () => {
    const wanted = input.value.trim().toLowerCase()
    let matching = 0
    for (const { group, text } of groups) {
      const is_match = text.includes(wanted)
      matching += is_match
      group.classList.toggle('off', !is_match)
    }
    for (const { link, text } of boxes) link.classList.toggle('off', !text.includes(wanted))
    for (const { row, text } of rows) row.classList.toggle('off', !text.includes(wanted))
    filtered.textContent = wanted ? `${number.format(matching)} of ${number.format(groups.length)} groups` : ''
  })
})()
