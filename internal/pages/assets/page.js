// Times in the reader's own zone, and buttons that copy. Pages are whole without it.
const format = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "long"});
for (const t of document.querySelectorAll("time[datetime]")) {
  const d = new Date(t.dateTime);
  if (isNaN(d)) continue;
  if (t.title) t.title = format.format(d);
  else t.textContent = format.format(d);
}
const said = document.getElementById("said");
for (const b of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  const label = b.textContent;
  b.hidden = false;
  b.addEventListener("click", async () => {
    const from = document.getElementById(b.dataset.copy);
    try {
      await navigator.clipboard.writeText(from.textContent.trim());
      b.textContent = said.textContent = b.dataset.done;
    } catch {
      getSelection().selectAllChildren(from);
    }
    setTimeout(() => { b.textContent = label; said.textContent = ""; }, 2000);
  });
}
