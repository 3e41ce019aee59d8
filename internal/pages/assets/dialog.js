const away = document.querySelector("dialog a[data-escape]");
if (away) addEventListener("keydown", (e) => { if (e.key === "Escape" && !e.target.value) location.assign(away.href); });
