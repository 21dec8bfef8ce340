"use strict";
/* global PAGES */
// Everything is in the page without this: it adds filters, and a panel that keeps the reader's place.
(() => {
  const MANY = 10; // rows from which on a table gets a filter of its own
  const SHOWN = 200; // notes that a panel shows before it refers to the list
  document.documentElement.classList.add("js");

  const named = (cell) => cell.querySelector("bdi").textContent;

  // Filters

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (input) => plain(input ? input.value : "").split(/\s+/).filter(Boolean);
  const tables = [...document.querySelectorAll("main table")].map((table) => ({
    table,
    rows: [...table.tBodies[0].rows],
    texts: null,
    input: null,
    counter: null,
  }));
  let everywhere = null;

  const apply = (entry) => {
    const wanted = [...words(everywhere), ...words(entry.input)];
    // The words of the cells only: the numbers of their notes would be found, too.
    entry.texts ??= entry.rows.map((row) => plain([...row.cells].map(named).join(" ")));
    let left = 0;
    entry.rows.forEach((row, index) => {
      row.hidden = !wanted.every((word) => entry.texts[index].includes(word));
      left += row.hidden ? 0 : 1;
    });
    if (entry.counter) entry.counter.textContent = wanted.length ? `${left} of ${entry.rows.length} rows` : "";
    return left;
  };

  const filter = (label, changed) => {
    const tools = document.createElement("p");
    const name = document.createElement("label");
    const input = document.createElement("input");
    const counter = document.createElement("span");
    input.type = "search";
    input.autocomplete = "off";
    counter.setAttribute("role", "status");
    name.append(`${label} `, input);
    tools.className = "tools";
    tools.append(name, counter);
    input.addEventListener("input", changed);
    return { tools, input, counter };
  };

  for (const entry of tables) {
    if (entry.rows.length < MANY) continue;
    const title = entry.table.caption.textContent;
    const made = filter("Filter", () => apply(entry));
    made.input.setAttribute("aria-label", `Filter ${title}`);
    Object.assign(entry, { input: made.input, counter: made.counter });
    (entry.table.closest(".wide") ?? entry.table).before(made.tools);
  }
  if (tables.length > 1) {
    const made = filter("Filter all tables", () => {
      const left = tables.reduce((sum, entry) => sum + apply(entry), 0);
      made.counter.textContent = made.input.value ? `${left} rows` : "";
    });
    everywhere = made.input;
    document.querySelector(".contents").prepend(made.tools);
  }

  // Search, over all pages of a site

  const source = document.currentScript.getAttribute("src");
  if (source) {
    const root = source.replace("page.js", "");
    const results = document.createElement("ul");
    results.className = "results";
    const search = () => {
      const wanted = words(made.input);
      const fits = PAGES.filter((page) => wanted.every((word) => plain(page.join(" ")).includes(word)));
      made.counter.textContent = wanted.length ? `${fits.length} ${fits.length === 1 ? "page" : "pages"}` : "";
      results.replaceChildren(
        ...(wanted.length ? fits.slice(0, 20) : []).map(([name, sort, path, glance]) => {
          const result = document.createElement("li");
          const link = document.createElement("a");
          link.href = root + path;
          link.textContent = name;
          result.append(link, ` ${sort}. ${glance}`);
          return result;
        }),
      );
    };
    let loaded = null;
    const made = filter("Search all pages", () => {
      loaded ??= new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = `${root}search.js`;
        script.addEventListener("load", resolve);
        document.body.append(script);
      });
      loaded.then(search);
    });
    made.tools.classList.add("search");
    document.querySelector(".head").append(made.tools, results);
  }

  // Evidence

  const panel = document.getElementById("panel");
  const list = document.getElementById("panel-list");
  const title = document.getElementById("panel-title");

  const numbers = (text) =>
    text.split(" ").flatMap((run) => {
      const [first, last = first] = run.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });

  const open = (refs, named) => {
    const wanted = numbers(refs.dataset.all);
    list.replaceChildren(
      ...wanted.slice(0, SHOWN).map((number) => {
        const note = document.getElementById(`e${number}`).cloneNode(true);
        note.removeAttribute("id");
        return note;
      }),
    );
    if (wanted.length > SHOWN) {
      const more = document.createElement("li");
      more.textContent = `${wanted.length - SHOWN} more are in the list of evidence below.`;
      list.append(more);
    }
    title.textContent = `Evidence for “${named}”`;
    panel.showModal();
    list.scrollTop = 0;
  };

  const holder = (element) => element.closest("td, th, dd, p");

  // Neighbours that rest on the same evidence have its numbers at the last of them.
  const refsOf = (cell) => {
    for (let sibling = cell; sibling; sibling = sibling.nextElementSibling) {
      const refs = sibling.querySelector(".refs");
      if (refs) return refs;
    }
    return null;
  };
  document.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const ref = event.target.closest("a.ref, a.item");
    const cell = event.target.closest("main .open");
    if (ref && !panel.contains(ref)) {
      event.preventDefault();
      open(ref.closest("[data-all]"), ref.getAttribute("class") === "ref" ? named(holder(ref)) : ref.dataset.words);
    } else if (cell && !event.target.closest("a") && !String(getSelection())) {
      open(refsOf(cell), named(cell));
    }
  });
  // What was known when

  const known = document.getElementById("cuts") && JSON.parse(document.getElementById("cuts").textContent);
  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };
  const refsTo = (all) => {
    const refs = element("span", "refs");
    refs.dataset.all = all;
    for (const run of all.split(" ").filter(Boolean)) {
      const ref = element("a", "ref", run.replace("-", "–"));
      ref.href = `#e${run.split("-")[0]}`;
      ref.setAttribute("aria-label", `Evidence ${ref.textContent}`);
      refs.append(ref);
    }
    return refs;
  };
  const fill = (cell, [text, all]) => {
    const words = cell.querySelector("bdi");
    words.textContent = text;
    cell.querySelector(".refs")?.remove();
    if (all) cell.append(" ", refsTo(all));
  };
  const move = (form, { parts: said, clocks }) => {
    const range = form.querySelector("input");
    const clock = form.querySelector("select");
    const output = form.querySelector("output");
    const banner = form.querySelector(".banner");
    const items = [...document.querySelectorAll(".picture [data-k]")];
    const table = tables.find((entry) => entry.table.caption.textContent === "Positions")?.table;
    const parts = [...document.querySelectorAll(".top .lead, .top .strip"), table?.tBodies[0]].filter(Boolean);
    const now = parts.map((part) => [...part.childNodes]);
    const first = items.map((item) => item.classList.contains("off"));
    const before = (sentences, facts, rows, drawn) => {
      const shown = new Set(drawn.map(String));
      items.forEach((item) => item.classList.toggle("off", !shown.has(item.dataset.k)));
      for (const part of parts) part.replaceChildren(...[...part.childNodes].map((node) => node.cloneNode(true)));
      const lead = document.querySelector(".top .lead");
      if (lead) lead.replaceChildren(...sentences.flatMap((n) => [element("bdi", "", said[n][0]), " ", refsTo(said[n][1]), " "]));
      document.querySelectorAll(".top .strip div").forEach((fact, index) => {
        const [label, ...value] = said[facts[index]] ?? ["", "–", ""];
        fact.firstElementChild.textContent = label;
        fill(fact.lastElementChild, value);
      });
      for (const row of table ? table.tBodies[0].rows : []) {
        const had = rows.map((n) => said[n]).find(([name]) => name[0] === named(row.cells[0]));
        row.hidden = !had;
        if (had) [...row.cells].forEach((cell, index) => fill(cell, had[index]));
      }
    };
    const show = () => {
      const cut = clocks[clock.value][range.value];
      parts.forEach((part, index) => part.replaceChildren(...now[index]));
      items.forEach((item, index) => item.classList.toggle("off", first[index]));
      if (cut) before(...cut.slice(2));
      output.textContent = cut ? cut[1] : "now: all of it";
      range.setAttribute("aria-valuetext", output.textContent);
      banner.hidden = !cut;
      const how = clock.selectedOptions[0].textContent;
      banner.textContent = cut ? `${how[0].toUpperCase()}${how.slice(1)} ${cut[1]}: the head, the chart and the table of positions. The rest of the page is as of now.` : "";
    };
    const start = () => {
      range.max = clocks[clock.value].length;
      range.value = range.max;
      show();
    };
    range.addEventListener("input", show);
    clock.addEventListener("input", start);
    form.reset(); // a browser may keep what it was set to
    start();
  };
  if (known) move(document.querySelector(".known"), known);
  document.getElementById("panel-close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
})();
