/**
 * A list of any length of which only the visible rows, and eight more on each side, are in the
 * page. Rows have one height. It is a listbox: the focus is on the list, the active row is named by
 * `aria-activedescendant`.
 */
import { html, useEffect, useLayoutEffect, useRef, useState } from '../ui.js'
import { useStable } from '../store.js'

const BESIDE = 8

/**
 * @typedef {object} ListProps
 * @property {string} id
 * @property {string} label
 * @property {number} count
 * @property {number} rowHeight
 * @property {(i: number) => any} row the row's element, without its place
 * @property {(i: number) => string} keyOf
 * @property {(i: number) => string} [classOf]
 * @property {number} active the row with the focus; -1: none
 * @property {() => number} [activeNow] the same at this moment, where it may be moved from outside: the next key must not wait for the drawing
 * @property {number} [selected] the row that is open; -1: none
 * @property {(i: number) => void} onActive
 * @property {(i: number) => void} onOpen
 * @property {(first: number, last: number) => void} [onSee]
 * @property {(isHeld: boolean) => void} [onHold] the pointer or the focus is inside
 * @property {boolean} [follow] stays at the end while it is there
 * @property {(isAtEnd: boolean) => void} [onEnd]
 */

/** @param {ListProps} props */
export function ListWindow(props) {
  const { id, label, count, rowHeight, active, follow } = props
  const box = /** @type {{current: HTMLElement | null}} */ (useRef(null))
  const [span, setSpan] = useState({ first: 0, last: 30 })
  const atEnd = useRef(true)

  const measure = useStable(() => {
    const el = box.current
    if (!el) return
    const first = Math.max(0, Math.floor(el.scrollTop / rowHeight) - BESIDE)
    const last = Math.min(count, Math.ceil((el.scrollTop + el.clientHeight) / rowHeight) + BESIDE)
    if (first !== span.first || last !== span.last) setSpan({ first, last })
    props.onSee?.(first, last)
  })
  const scrolled = useStable(() => {
    const el = box.current
    if (!el) return
    const isAtEnd = el.scrollHeight - el.scrollTop - el.clientHeight < rowHeight
    if (isAtEnd !== atEnd.current) props.onEnd?.(isAtEnd)
    atEnd.current = isAtEnd
    measure()
  })

  useEffect(() => {
    const observer = new ResizeObserver(measure)
    if (box.current) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    if (follow && atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
    measure()
  })
  useLayoutEffect(() => {
    if (active >= 0) bring(box.current, active, rowHeight)
  }, [active])

  const holds = useRef({ pointer: false, focus: false })
  const hold = (/** @type {'pointer' | 'focus'} */ by, /** @type {boolean} */ on) => {
    holds.current[by] = on
    props.onHold?.(holds.current.pointer || holds.current.focus)
  }
  const first = Math.min(span.first, count)
  const shown = Array.from({ length: Math.max(0, Math.min(span.last, count) - first) }, (_, k) => first + k)
  return html`<div class="rows" id=${id} ref=${box} role="listbox" aria-label=${label} tabindex="0"
    aria-activedescendant=${active >= 0 && active < count ? `${id}-${props.keyOf(active)}` : undefined}
    onScroll=${scrolled} onKeyDown=${(e) => key(e, props, box.current)}
    onPointerEnter=${(e) => e.pointerType === 'mouse' && hold('pointer', true)}
    onPointerLeave=${() => hold('pointer', false)}
    onFocus=${() => hold('focus', true)} onBlur=${() => hold('focus', false)}>
    <div class="space" role="presentation" style=${{ height: `${count * rowHeight}px` }}>
      ${shown.map((i) => {
        const name = props.keyOf(i)
        return html`<div key=${name} id=${`${id}-${name}`} role="option" aria-selected=${i === (props.selected ?? active)}
          aria-posinset=${i + 1} aria-setsize=${count} class=${`row ${i === active ? 'active ' : ''}${props.classOf?.(i) ?? ''}`}
          style=${{ top: `${i * rowHeight}px`, height: `${rowHeight}px` }}
          onClick=${() => { props.onActive(i); props.onOpen(i) }}>${props.row(i)}</div>`
      })}
    </div></div>`
}

/** @param {HTMLElement | null} el @param {number} i @param {number} height */
function bring(el, i, height) {
  if (!el) return
  const top = i * height
  if (top < el.scrollTop) el.scrollTop = top
  else if (top + height > el.scrollTop + el.clientHeight) el.scrollTop = top + height - el.clientHeight
}

/** @param {KeyboardEvent} e @param {ListProps} props @param {HTMLElement | null} box */
function key(e, { active: drawn, activeNow, count, rowHeight, onActive, onOpen }, box) {
  if (e.ctrlKey || e.metaKey || e.altKey) return
  const active = activeNow ? activeNow() : drawn
  const page = Math.max(1, Math.floor((box?.clientHeight ?? 0) / rowHeight) - 1)
  /** @type {Record<string, number>} */
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count }
  if (e.key === 'Enter' && active >= 0) onOpen(active)
  else if (e.key in steps && count) onActive(Math.min(count - 1, Math.max(0, active + steps[e.key])))
  else return
  e.preventDefault()
}
