/**
 * Models and what draws them. A model is a `Source`: it changes as often as it likes, and those who
 * watch it are told once per animation frame. A hidden tab has no animation frames, so it draws
 * nothing.
 */
import { useEffect, useRef, useState } from './ui.js'

/** @type {Set<Source>} */
const changed = new Set()
let isAsked = false

const nextFrame = globalThis.requestAnimationFrame ?? ((/** @type {() => void} */ run) => setTimeout(run, 0))

function tell() {
  isAsked = false
  const all = [...changed]
  changed.clear()
  /** @type {Set<() => void>} */
  const watchers = new Set()
  for (const source of all) for (const watcher of source.watchers) watchers.add(watcher)
  for (const watcher of watchers) watcher()
}

/** Something that changes and can be watched. */
export class Source {
  constructor() {
    /** @type {Set<() => void>} */
    this.watchers = new Set()
    /** How often it has changed. */
    this.version = 0
  }

  /** Tells the watchers in the next animation frame. */
  changed() {
    this.version += 1
    changed.add(this)
    if (isAsked) return
    isAsked = true
    nextFrame(tell)
  }

  /**
   * @param {() => void} watcher
   * @returns {() => void} stops watching
   */
  watch(watcher) {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }
}

/** Whether live updates are shown. Models go on meanwhile; only the screen stands still. */
let isPaused = false
/** @type {Set<LiveSource>} */
const waiting = new Set()

/** A model that is fed by the daemon: what it tells waits while live updates are paused. */
export class LiveSource extends Source {
  changed() {
    if (isPaused) waiting.add(this)
    else super.changed()
  }

  /** Tells at once, also while paused: the viewer has done something. */
  acted() {
    super.changed()
  }
}

/** @param {boolean} on */
export function pauseLive(on) {
  isPaused = on
  if (on) return
  for (const source of waiting) source.changed()
  waiting.clear()
}

/**
 * One value that can be watched.
 * @template T
 */
export class Cell extends Source {
  /** @param {T} value */
  constructor(value) {
    super()
    /** @type {T} */
    this.value = value
  }

  /** @param {T} value */
  set(value) {
    if (Object.is(value, this.value)) return
    this.value = value
    this.changed()
  }
}

/**
 * Draws the component again whenever one of the sources changes, also between its drawing and the
 * moment at which it begins to watch.
 * @param {...(Source | null | undefined)} sources
 */
export function useSources(...sources) {
  const [, draw] = useState(0)
  const drawn = sources.map((source) => source?.version)
  useEffect(() => {
    const again = () => draw((/** @type {number} */ n) => n + 1)
    const stops = sources.map((source) => source?.watch(again))
    if (sources.some((source, i) => source?.version !== drawn[i])) again()
    return () => stops.forEach((stop) => stop?.())
  }, sources)
}

const CLOCK_EVERY_MS = 1000
const clock = new Cell(0)

/**
 * The time, in ms, drawn again each second: one clock for the whole page, so that no two figures
 * of it disagree.
 * @returns {number}
 */
export function useNow() {
  if (!clock.value) {
    clock.value = Date.now()
    setInterval(() => !document.hidden && clock.set(Date.now()), CLOCK_EVERY_MS)
  }
  useSources(clock)
  return clock.value
}

/**
 * The newest of a function, under one identity.
 * @template {Function} F
 * @param {F} run
 * @returns {F}
 */
export function useStable(run) {
  const newest = useRef(run)
  newest.current = run
  const stable = useRef((/** @type {any[]} */ ...all) => newest.current(...all))
  return /** @type {any} */ (stable.current)
}
