// Rows that come while a table is read: server-sent events, each a row of texts.
const live = document.getElementById("live");
const button = live.querySelector("button");
const note = live.querySelector("[role=status]");
const made = (tag, text, type) => {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  if (type) e.className = type;
  return e;
};
const linked = (text, to) => {
  const a = made("a", text);
  a.href = to;
  return a;
};
function filled(td, c) {
  if (c.tone) td.append(made("span", c.text, "state " + c.tone));
  else if (c.time) {
    const t = made("time", new Date(c.time).toLocaleTimeString());
    t.dateTime = c.time;
    t.title = format.format(new Date(c.time));
    td.append(t);
  } else td.append(c.link ? linked(c.text, c.link) : made("bdi", c.text));
  if (c.sub) td.append(made("small", c.sub));
  return td;
}
let stream;
function stop(text) {
  stream?.close();
  stream = undefined;
  button.textContent = live.dataset.start;
  note.textContent = text ?? "";
}
button.addEventListener("click", () => {
  if (stream) return stop();
  button.textContent = live.dataset.stop;
  note.textContent = "";
  stream = new EventSource(live.dataset.live);
  stream.addEventListener("row", e => {
    const row = JSON.parse(e.data), tr = made("tr", "", "fresh");
    const labels = [...document.querySelectorAll(".data thead th")].map(h => h.textContent);
    row.cells.forEach((c, i) => {
      const td = filled(made("td"), c);
      td.dataset.label = labels[i];
      tr.append(td);
    });
    const last = made("td", "", "do");
    for (const a of row.actions) last.append(linked(a.text, a.link));
    tr.append(last);
    const body = document.querySelector(".data tbody");
    document.querySelector(".empty")?.remove();
    body.prepend(tr);
    while (body.rows.length > 200) body.lastElementChild.remove();
  });
  stream.addEventListener("missed", () => { note.textContent = live.dataset.missed; });
  stream.addEventListener("end", () => stop(live.dataset.ended));
  stream.addEventListener("error", () => { if (stream?.readyState === EventSource.CLOSED) stop(live.dataset.ended); });
});
live.hidden = false;
