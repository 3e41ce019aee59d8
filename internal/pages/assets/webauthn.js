// The two ceremonies. What the server asks is in the page, what the browser
// answers is posted back to it.
const data = JSON.parse(document.getElementById("webauthn-data").textContent);
const say = document.getElementById("words").dataset;
const failure = document.getElementById("failure");
const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (b) => btoa(Array.from(new Uint8Array(b), (c) => String.fromCharCode(c)).join(""))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => (list || []).map((c) => ({...c, id: bytes(c.id)}));
const tell = (words) => { failure.textContent = words; failure.hidden = false; };

async function register() {
  const o = data.creationOptions;
  const c = await navigator.credentials.create({publicKey: {
    ...o, challenge: bytes(o.challenge), user: {...o.user, id: bytes(o.user.id)}, excludeCredentials: known(o.excludeCredentials),
  }});
  return {...answer(c), response: {
    clientDataJSON: text(c.response.clientDataJSON), attestationObject: text(c.response.attestationObject),
    transports: c.response.getTransports ? c.response.getTransports() : [],
  }};
}

async function authenticate() {
  const o = data.requestOptions;
  const c = await navigator.credentials.get({publicKey: {
    ...o, challenge: bytes(o.challenge), allowCredentials: known(o.allowCredentials),
  }});
  const handle = c.response.userHandle;
  return {...answer(c), response: {
    clientDataJSON: text(c.response.clientDataJSON), authenticatorData: text(c.response.authenticatorData),
    signature: text(c.response.signature), userHandle: handle && handle.byteLength ? text(handle) : null,
  }};
}

function answer(c) {
  return {id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined,
    clientExtensionResults: c.getClientExtensionResults()};
}

if (!isSecureContext) tell(say.insecure);
else if (!window.PublicKeyCredential) tell(say.none);
else for (const form of document.querySelectorAll("form[data-ceremony]")) {
  const button = form.querySelector("button"), kind = form.dataset.ceremony;
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    failure.hidden = true;
    said.textContent = say.wait;
    try {
      const response = await (kind === "register" ? register() : authenticate());
      form.elements[kind + "_response"].value = JSON.stringify(response);
      form.submit();
    } catch (e) {
      button.disabled = false;
      said.textContent = "";
      tell(e.name === "InvalidStateError" ? say.known : e.name === "SecurityError" ? say.insecure : say.refused);
    }
  });
}
