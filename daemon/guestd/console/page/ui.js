/** The one place that knows the libraries: elements from templates, and hooks. */
import { h, render } from './vendor/preact.mjs'
import htm from './vendor/htm.mjs'

export * from './vendor/hooks.mjs'
export { h, render }

/**
 * Elements from a template. Texts become text nodes; no markup is ever parsed.
 * @type {(strings: TemplateStringsArray, ...values: ({} | null | undefined | ((...heard: any[]) => unknown))[]) => any}
 */
export const html = htm.bind(h)
