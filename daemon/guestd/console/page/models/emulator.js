/** The emulator's half: speaking as the agent, faults once and by rule, what was injected. */
import { ask, emulatorPath } from '../api.js'
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'

const RECENT_MAX = 50
/** After something was told, all is read: once, however much is told meanwhile. */
const SOON_MS = 500

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
    this.stop = () => {}
    /** Of the newest reading: an older one that comes after it is not taken. */
    this.reading = 0
  }

  /** Begins to follow; once. */
  start() {
    if (this.isStarted) return
    this.isStarted = true
    this.#follow()
  }

  /** The daemon was started anew: its emulator numbers everything anew. */
  startAnew() {
    if (!this.isStarted) return
    this.recent = []
    this.lastN = 0
    this.#follow()
  }

  #follow() {
    this.stop()
    this.stop = subscribe('emulator', {}, { data: (event) => this.take(event), after: () => this.lastN, failed: () => {} })
    void this.read()
  }

  async read() {
    const reading = ++this.reading
    try {
      const found = await ask('GET', emulatorPath('faults'))
      const settings = await ask('GET', emulatorPath('settings'))
      if (reading !== this.reading) return
      this.#plan(found)
      this.agents = settings.agents ?? []
      const agent = (settings.settings ?? []).find((/** @type {any} */ one) => one.key === 'agent')
      this.agent = typeof agent?.value === 'string' ? agent.value : ''
      this.problem = null
    } catch (error) {
      if (reading === this.reading) this.problem = error
    }
    this.acted()
  }

  /** @param {any} found */
  #plan(found) {
    this.plan = found
    this.rules = found.rules ?? []
    if (found.kinds) this.kinds = found.kinds
    if (found.fields) this.fields = found.fields
    if (found.recent) this.#merge(found.recent)
  }

  /** What was told while the answer was on its way stays as it was told. @param {any[]} read */
  #merge(read) {
    const all = new Map(read.map((one) => [one.injection, one]))
    for (const one of this.recent) if (!all.has(one.injection) || one.took_ms != null) all.set(one.injection, one)
    this.recent = [...all.values()].sort((a, b) => b.injection - a.injection).slice(0, RECENT_MAX)
  }

  /** @param {any} event of `GET events` */
  take(event) {
    this.lastN = event.n
    if (event.kind !== 'injection' && event.kind !== 'injection_over') return
    const same = this.recent.findIndex((one) => one.injection === event.injection)
    if (same >= 0) this.recent[same] = { ...this.recent[same], ...event, at: this.recent[same].at }
    else {
      this.recent = [event, ...this.recent].slice(0, RECENT_MAX)
      const rule = this.rules.find((one) => one.id === event.rule)
      if (rule) rule.injected = (rule.injected ?? 0) + 1
    }
    this.changed()
    this.timer ||= setTimeout(() => {
      this.timer = 0
      void this.read()
    }, SOON_MS)
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
