(() => {
  "use strict";
  document.documentElement.classList.add("scripted");
  const table = document.getElementById("trade-table");
  if (!table) return;
  const bodies = Array.from(table.tBodies);
  const heldColumn = 6;
  const key = (body, column) =>
    column === heldColumn ? body.dataset.held : body.rows[0].cells[column].textContent.trim().replace(/^\+/, "");
  const compare = (a, b) => {
    const first = Number(a.replace(/,/g, "")), second = Number(b.replace(/,/g, ""));
    if (!Number.isNaN(first) && !Number.isNaN(second)) return first - second;
    return Number.isNaN(first) === Number.isNaN(second) ? a.localeCompare(b) : Number.isNaN(first) ? 1 : -1;
  };
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const cell = button.parentElement, column = Number(button.dataset.column);
    const down = cell.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    bodies.sort((a, b) => sign * compare(key(a, column), key(b, column)));
    for (const body of bodies) table.insertBefore(body, table.tFoot);
  });
  const filter = document.getElementById("trade-filter");
  const count = document.getElementById("trade-count");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const body of bodies) {
      const text = body.rows[0].textContent.toLowerCase();
      body.hidden = !words.every((word) => text.includes(word));
      if (!body.hidden) shown += 1;
    }
    count.textContent = words.length ? `${shown} of ${bodies.length} shown` : "";
  };
  filter.addEventListener("input", apply);
})();
