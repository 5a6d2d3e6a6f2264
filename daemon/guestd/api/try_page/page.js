"use strict"

const access = document.getElementById("access")
const problem = document.getElementById("problem")

// The description is asked for with the token, if the daemon has one; so is every request that is tried.
async function show(token) {
  const headers = token ? {Authorization: `Bearer ${token}`} : {}
  const answer = await fetch("v1/openapi.json", {headers})
  if (answer.status === 401) {
    problem.textContent = token ? "This is not the token." : ""
    access.hidden = false
    return
  }
  if (!answer.ok) throw new Error(await answer.text())
  access.hidden = true
  const ui = SwaggerUIBundle({
    spec: await answer.json(),
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "list",
    displayRequestDuration: true,
    validatorUrl: null,
    onComplete: () => token && ui.preauthorizeApiKey("bearer", token),
  })
}

function showProblem(error) {
  access.hidden = false
  problem.textContent = String(error.message || error)
}

access.addEventListener("submit", event => {
  event.preventDefault()
  show(document.getElementById("token").value.trim()).catch(showProblem)
})

show("").catch(showProblem)
