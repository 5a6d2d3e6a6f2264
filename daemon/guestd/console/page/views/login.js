/** The token is asked for once; what the daemon refused is said in its own words. */
import { html, useEffect, useRef, useState } from '../ui.js'
import { refusal, useToken } from '../api.js'
import { start } from '../app.js'
import { useSources } from '../store.js'

/** What would allow it, by the problem's code. @type {Record<string, string>} */
const LINES = {
  origin_refused: 'simulator.origins_allowed',
  no_such_host: 'simulator.hosts_allowed',
}

export function Login() {
  useSources(refusal)
  const [token, write] = useState('')
  const [keep, setKeep] = useState(false)
  const [isAsking, ask] = useState(false)
  const field = /** @type {{current: HTMLInputElement | null}} */ (useRef(null))
  const problem = refusal.value
  useEffect(() => field.current?.focus(), [])
  const wasTried = useRef(false)
  const enter = async (/** @type {Event} */ e) => {
    e.preventDefault()
    ask(true)
    wasTried.current = true
    useToken(token.trim(), keep)
    if (!(await start())) field.current?.select()
    ask(false)
  }
  if (problem && problem.status !== 401) return html`<${Refused} problem=${problem} />`
  return html`<main class="page" id="main"><div class="login"><h1>guestd asks for a token</h1>
    <p class="dim">Where guestd runs, <code>guestd console --open</code> opens this page without asking: its address has a ticket in place of the token.</p>
    <p class="dim">The token is the <code>api.token</code> of the configuration, or what the file of <code>api.token_file</code> holds.</p>
    <form onSubmit=${enter}><input class="field mono" type="password" autocomplete="off" aria-label="Token" ref=${field} value=${token} aria-invalid=${wasTried.current || undefined} onInput=${(e) => write(e.target.value)} />
      ${wasTried.current && problem && !isAsking && html`<p class="problem-line" role="alert">${problem.message}</p>`}
      <label class="check"><input type="checkbox" checked=${keep} onChange=${(e) => setKeep(e.target.checked)} /> Keep it in this tab, over a reload</label>
      <p class="acts"><button class="btn primary" disabled=${!token.trim() || isAsking}>Continue</button></p></form></div></main>`
}

/** @param {{problem: import('../api.js').Problem}} props */
function Refused({ problem }) {
  const key = LINES[problem.code]
  const value = problem.code === 'no_such_host' ? location.hostname : location.origin
  return html`<main class="page" id="main"><div class="login"><h1>guestd does not allow this page</h1><p>${problem.message}</p>
    ${key && html`<p class="dim">This line of the configuration would allow it:</p><pre class="json">${key} = ["${value}"]</pre>`}
    <p class="acts"><button type="button" class="btn" onClick=${() => start()}>Try again</button></p></div></main>`
}
