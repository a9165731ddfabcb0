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

  function follow(button) {
    const list = document.getElementById("entries");
    const trouble = document.getElementById("trouble");
    button.setAttribute("aria-pressed", "true");
    tail = new EventSource(button.dataset.address);
    tail.addEventListener("entry", (event) => {
      trouble.hidden = true;
      if (list.querySelector(`[data-id="${event.lastEventId}"]`)) return;
      document.querySelector(".empty")?.remove();
      list.insertAdjacentHTML("afterbegin", event.data);
      list.firstElementChild.classList.add("fresh");
      htmx.process(list.firstElementChild);
      while (list.children.length > MOST) list.lastElementChild.remove();
    });
    const say = (text) => { trouble.textContent = text; trouble.hidden = false; };
    tail.addEventListener("trouble", (event) => say(event.data));
    tail.addEventListener("open", () => { trouble.hidden = true; });
    tail.addEventListener("error", () => say("the viewer did not answer; trying again"));
  }

  function stop() {
    tail?.close();
    tail = null;
    document.getElementById("live")?.setAttribute("aria-pressed", "false");
  }

  // What needs this script is shown by it.
  function show() {
    for (const hidden of document.querySelectorAll("#live, button.copy")) hidden.hidden = false;
  }

  document.addEventListener("htmx:beforeSwap", stop);
  document.addEventListener("htmx:afterSettle", show);
  addEventListener("pagehide", stop);
  show();
})();
