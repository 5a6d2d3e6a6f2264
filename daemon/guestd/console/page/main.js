import { h, render } from "./vendor/preact.mjs"
import htm from "./vendor/htm.mjs"

const html = htm.bind(h)

render(html`<main><h1>guestd</h1></main>`, /** @type {HTMLElement} */ (document.getElementById("app")))
