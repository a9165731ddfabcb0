// What the pages do beyond links and forms, which work without it: keys, live tail, copying, completion.
"use strict";

(() => {
  const MOST = 500; // entries that a live tail leaves on the page
  let tail = null;

  const entries = () => [...document.querySelectorAll("#entries .entry")];

  function move(step) {
    const all = entries();
    if (all.length === 0) return;
    const now = all.findIndex((entry) => entry.classList.contains("at"));
    const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1);
    if (now >= 0) all[now].classList.remove("at");
    all[next].classList.add("at");
    const link = all[next].querySelector("a");
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: "nearest" });
  }

  const keys = {
    "/": () => document.getElementById("q")?.select(),
    j: () => move(1),
    k: () => move(-1),
    e: () => document.querySelector(".tools a[download]")?.click(),
    Enter: () => document.querySelector(".entry.at a")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.activeElement?.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    // On a link or a button, enter does what it does there.
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("button.copy");
    if (copy) {
      const label = copy.textContent;
      try {
        await navigator.clipboard.writeText(copy.dataset.text);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Not allowed";
      }
      setTimeout(() => { copy.textContent = label; }, 1500);
    }
    const live = event.target.closest("#live");
    if (live) tail ? stop() : follow(live);
  });

  // A query is completed at its last word.
  document.addEventListener("input", (event) => {
    if (event.target.id !== "q") return;
    const before = event.target.value.replace(/\S*$/, "");
    for (const option of document.querySelectorAll("#offers option")) {
      option.dataset.offer ??= option.value;
      option.value = before + option.dataset.offer;
    }
  });

  // The histogram's bars are links; a drag over them, or shift and an arrow, asks about all that it passes.
  const brush = { from: null, to: null, dragged: false };
  const bars = () => [...document.querySelectorAll("#bars a")];

  function paint() {
    const all = bars();
    const [first, last] = [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to)];
    const active = brush.from !== null && brush.to !== null;
    all.forEach((bar, index) => bar.classList.toggle("brushed", active && first <= index && index <= last));
    const range = active ? [all[first].dataset.since, all[last].dataset.until] : null;
    document.querySelector(".brush").textContent = range ? range.join(" ").replaceAll("created:", "") : "";
    return range;
  }

  function forget() {
    Object.assign(brush, { from: null, to: null, dragged: false });
    if (bars().length > 0) paint();
  }

  function ask() {
    const range = paint();
    if (range === null) return;
    const query = [document.getElementById("bars").dataset.rest, ...range].filter(Boolean).join(" ");
    location.assign(`entries?q=${encodeURIComponent(query)}`);
  }

  // Which bar is at this place, also beyond the first and the last.
  function barAt(event) {
    const box = document.getElementById("bars").getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const all = bars();
    return Math.min(Math.max(Math.floor(share * all.length), 0), all.length - 1);
  }

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest?.("#bars")) return;
    Object.assign(brush, { from: barAt(event), to: null, dragged: false });
  });

  document.addEventListener("pointermove", (event) => {
    if (brush.from === null || event.buttons === 0) return;
    const to = barAt(event);
    brush.dragged ||= to !== brush.from;
    if (!brush.dragged) return;
    brush.to = to;
    paint();
  });

  document.addEventListener("pointerup", () => (brush.dragged ? ask() : forget()));
  document.addEventListener("pointercancel", forget);
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.("#bars")) event.preventDefault(); });

  // Where a drag ends, the bar under it is not followed. Capturing, so as to be before htmx.
  document.addEventListener("click", (event) => {
    if (!brush.dragged || !event.target.closest("#bars")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  document.addEventListener("keydown", (event) => {
    const bar = event.target.closest?.("#bars a");
    if (!bar) return;
    const all = bars();
    const now = all.indexOf(bar);
    if (event.key === "Enter" && brush.from !== null) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return ask();
    }
    if (event.key === "Escape") return forget();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(Math.max(now + step, 0), all.length - 1);
    if (event.shiftKey) {
      brush.from ??= now;
      brush.to = next;
      paint();
    } else {
      forget();
    }
    rove(all[next]);
    all[next].focus();
  });

  // One bar can be reached by tab, the others from there.
  function rove(bar) {
    for (const other of bars()) other.setAttribute("tabindex", other === bar ? "0" : "-1");
  }

  function follow(button) {
    const list = document.getElementById("entries");
    const trouble = document.getElementById("trouble");
    button.setAttribute("aria-pressed", "true");
    tail = new EventSource(button.dataset.address);
    tail.addEventListener("entry", (event) => {
      trouble.hidden = true;
      const piece = document.createElement("template");
      piece.innerHTML = event.data;
      const entry = piece.content.firstElementChild;
      // The page may have it already: it was stored before, and is sealed only now.
      if (list.querySelector(`[data-id="${entry.dataset.id}"]`)) return;
      document.querySelector(".empty")?.remove();
      entry.classList.add("fresh");
      list.prepend(entry);
      htmx.process(list.firstElementChild);
      while (list.children.length > MOST) list.lastElementChild.remove();
    });
    const say = (text) => { trouble.textContent = text; trouble.hidden = text === ""; };
    tail.addEventListener("trouble", (event) => say(event.data));
    tail.addEventListener("open", () => say(""));
    tail.addEventListener("error", () => {
      if (tail.readyState !== EventSource.CLOSED) return say("The viewer did not answer; trying again.");
      // It answered otherwise than with a stream, and the browser does not ask again.
      stop();
      say("The viewer refused: it may not read the log, too many follow it, or the session is over. Load the page again.");
    });
  }

  function stop() {
    tail?.close();
    tail = null;
    document.getElementById("live")?.setAttribute("aria-pressed", "false");
  }

  // What needs this script is shown by it.
  function show() {
    for (const hidden of document.querySelectorAll("#live, button.copy")) hidden.hidden = false;
    rove(bars().at(-1));
  }

  document.addEventListener("htmx:beforeSwap", stop);
  document.addEventListener("htmx:afterSettle", show);
  addEventListener("pagehide", stop);
  show();
})();
