/** A load run while it goes on: its figures now, and its points over time. */
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'
import { said } from '../api.js'

/** @typedef {import('../types.js').LoadRunNow} Run */
/** @typedef {import('../types.js').LoadPoint} Point */

/**
 * The points with those that have changed: each takes the place of those that lie within it.
 * @param {Point[]} points @param {Point[]} fresh
 * @returns {Point[]}
 */
export function placed(points, fresh) {
  const isReplaced = (/** @type {Point} */ one) => fresh.some((by) => one.at_s >= by.at_s && one.at_s < by.at_s + by.length_s)
  return [...points.filter((one) => !isReplaced(one)), ...fresh].sort((a, b) => a.at_s - b.at_s)
}

export class LoadRun extends LiveSource {
  constructor() {
    super()
    this.id = ''
    /** @type {Run | null} */
    this.run = null
    /** @type {Point[]} */
    this.points = []
    this.problem = ''
    this.leave = () => {}
  }

  /** @param {string} id */
  follow(id) {
    if (id === this.id) return
    this.leave()
    Object.assign(this, { id, run: null, points: [], problem: '' })
    this.acted()
    if (!id) return
    this.leave = subscribe('load', { run: id }, {
      after: () => this.run?.next,
      data: (run) => this.take(run),
      failed: (problem) => {
        this.problem = said(problem)
        this.acted()
      },
    })
  }

  /** @param {Run} run */
  take(run) {
    this.run = run
    this.points = placed(this.points, run.points)
    if (run.state === 'over') this.leave()
    this.changed()
  }

  get isOver() {
    return this.run?.state === 'over'
  }
}

/**
 * The limit on a percentile of a measure, if a threshold sets one: the lowest, in ms.
 * @param {Run | null} run @param {string} measure
 */
export function limitOf(run, measure) {
  const about = new RegExp(`^\\s*${measure}\\.p.*<`)
  const limits = (run?.now?.thresholds ?? []).filter((one) => one.unit === 'ms' && about.test(one.expression))
  return limits.length ? Math.min(...limits.map((one) => one.limit)) : undefined
}
