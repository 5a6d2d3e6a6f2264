/** The emulator's half: speaking as the agent, faults once and by rule, what was injected. */
import { ask, emulatorPath } from '../api.js'
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'

const RECENT_MAX = 50

/** @typedef {{id: string, kind: string, rate?: number, every?: number, count?: number, injected?: number, guest?: string, [key: string]: any}} Rule */

export class Emulator extends LiveSource {
  constructor() {
    super()
    /** @type {Rule[]} */
    this.rules = []
    /** @type {any} */
    this.plan = {}
    /** Kinds with what they do. @type {Record<string, any>} */
    this.kinds = {}
    /** @type {Record<string, any>} */
    this.fields = {}
    /** @type {string[]} */
    this.agents = []
    this.agent = ''
    /** Injections of the last minutes, the newest first. @type {any[]} */
    this.recent = []
    /** @type {any} */
    this.problem = null
    this.isStarted = false
    this.lastN = 0
  }

  /** Begins to follow; once. */
  start() {
    if (this.isStarted) return
    this.isStarted = true
    void this.read()
    subscribe('emulator', {}, { data: (event) => this.take(event), after: () => this.lastN, failed: () => {} })
  }

  async read() {
    try {
      this.#plan(await ask('GET', emulatorPath('faults')))
      const settings = await ask('GET', emulatorPath('settings'))
      this.agents = settings.agents ?? []
      const agent = (settings.settings ?? []).find((/** @type {any} */ one) => one.key === 'agent')
      this.agent = typeof agent?.value === 'string' ? agent.value : ''
      this.problem = null
    } catch (error) {
      this.problem = error
    }
    this.acted()
  }

  /** @param {any} found */
  #plan(found) {
    this.plan = found
    this.rules = found.rules ?? []
    if (found.kinds) this.kinds = found.kinds
    if (found.fields) this.fields = found.fields
    if (found.recent) this.recent = found.recent
  }

  /** @param {any} event of `GET events` */
  take(event) {
    this.lastN = event.n
    if (event.kind !== 'injection' && event.kind !== 'injection_over') return
    const same = this.recent.findIndex((one) => one.injection === event.injection)
    if (same >= 0) this.recent[same] = { ...this.recent[same], ...event, at: this.recent[same].at }
    else this.recent = [event, ...this.recent].slice(0, RECENT_MAX)
    this.changed()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.read(), 500)
  }

  /** @type {any} */
  timer = 0

  /** @param {string} path @param {unknown} body */
  post(path, body) {
    return ask('POST', emulatorPath(path), { body })
  }

  /** @param {Record<string, unknown>} what kind, guest or all, and the kind's fields */
  async inject(what) {
    const found = await this.post('inject', what)
    await this.read()
    return found
  }

  /** @param {Record<string, unknown>} rule */
  async addRule(rule) {
    await this.post('faults/rules', rule)
    await this.read()
  }

  /** @param {string} id */
  async removeRule(id) {
    await ask('DELETE', emulatorPath(`faults/${encodeURIComponent(id)}`))
    await this.read()
  }

  async clearRules() {
    await ask('DELETE', emulatorPath('faults'))
    await this.read()
  }

  /** @param {string} agent */
  async setAgent(agent) {
    await this.post('settings', { agent })
    await this.read()
  }
}

/** What was asked for, without what the emulator adds. @param {Rule} rule */
export function ruleOnly({ id, injected, ...rule }) {
  return rule
}

export const emulator = new Emulator()
