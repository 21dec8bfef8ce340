"use strict";
/* global PAGES, NAMES, EVENTS, MiniSearch */
// Everything is in the page without this: it adds filters, and a panel that keeps the reader's place.
(() => {
  const MANY = 10; // rows from which on a table gets a filter of its own
  const MOST = 1000; // rows of a table that have a link to cite them
  const SHOWN = 200; // notes that a panel shows before it refers to the list
  const { dataset, src } = document.currentScript;
  const root = dataset.root ?? (src ? document.currentScript.getAttribute("src").replace("page.js", "") : undefined);
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
    entry.table.classList.toggle("folded", Boolean(entry.more?.isConnected) && !wanted.length);
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

  // Long parts are folded, until somebody asks for all of it

  const LONG = [["main table", "tbody > tr", 12, "rows"], [".cards", ".card", 6, "cards"], ["main > .part > .evidence", "li", 6, "notes"]];
  const unfold = (part) => {
    part?.classList.remove("folded");
    part?.more?.remove();
  };
  for (const [parts, within, most, noun] of LONG) {
    for (const part of document.querySelectorAll(parts)) {
      const count = part.querySelectorAll(`:scope > ${within}`).length;
      if (count <= most || part.closest(".matrix")) continue;
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = `Show all ${count} ${noun}`;
      more.addEventListener("click", () => unfold(part));
      part.classList.add("folded");
      part.more = more;
      (part.closest(".wide") ?? part).after(more);
    }
  }
  for (const entry of tables) entry.more = entry.table.more;
  const uncover = () => {
    const target = document.getElementById(location.hash.split("#").at(-1));
    if (!target?.closest(".folded")) return;
    unfold(target.closest(".folded"));
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", uncover);
  uncover();

  // Sorting

  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const key = (cell) => {
    const text = cell ? named(cell).trim() : "";
    const date = text.match(/(?:(?:(\d{1,2}) )?([A-Z][a-z]{2})[a-z]* )?(\d{4})(?!\d)/);
    if (date && text.length < 40) return [0, Number(date[3]) * 400 + (MONTHS.indexOf(date[2]) + 1) * 32 + Number(date[1] ?? 0), ""];
    const number = text.match(/^[\d,]+/);
    if (number) return [0, Number(number[0].replaceAll(",", "")), ""];
    return /^(–|)$/.test(text) ? [2, 0, ""] : [1, 0, plain(text)];
  };
  for (const { table, rows } of tables) {
    if (rows.length < 3 || table.closest(".matrix") || table.querySelector(".branch")) continue;
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = [...table.tBodies[0].rows].map((row) => [row, key(row.cells[column])]);
        const order = ([, [sort, number, text]], [, [sort2, number2, text2]]) => {
          const way = down && sort < 2 && sort2 < 2 ? -1 : 1; // what says nothing stays last
          return way * (sort - sort2 || number - number2 || text.localeCompare(text2));
        };
        table.tBodies[0].append(...keyed.sort(order).map(([row]) => row));
      });
    });
  }

  // Search, over all pages of a site

  if (root !== undefined) {
    const results = document.createElement("ul");
    results.className = "results";
    let index = null;
    const indexed = () => {
      const made = new MiniSearch({
        fields: ["name", "sort", "text"],
        storeFields: ["name", "sort", "text", "path"],
        processTerm: (word) => plain(word) || null,
        searchOptions: { prefix: true, fuzzy: 0.15, combineWith: "AND", boost: { name: 3 } },
      });
      const pages = PAGES.map(([name, sort, path, text], id) => ({ id: `p${id}`, name, sort, path, text }));
      const events = EVENTS.map((event, id) => ({
        id: `e${id}`,
        name: event[4],
        sort: event[3],
        path: event[5],
        text: [event[2], ...event.slice(6, 10).flat().map((n) => NAMES[n][0])].join(", "),
      }));
      made.addAll([...pages, ...events.filter((event) => event.path)]);
      return made;
    };
    const search = () => {
      index ??= indexed();
      const first = (one) => (one.id.startsWith("p") ? 2 : 1);
      const fits = made.input.value.trim() ? index.search(made.input.value, { boostDocument: (id) => first({ id }) }) : [];
      made.counter.textContent = made.input.value.trim() ? `${fits.length} found` : "";
      results.replaceChildren(
        ...fits.slice(0, 20).map(({ name, sort, path, text }) => {
          const result = document.createElement("li");
          const link = document.createElement("a");
          link.href = root + path;
          link.textContent = name;
          result.append(link, ` ${sort}. ${text}`);
          return result;
        }),
      );
    };
    const load = (name) =>
      new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = root + name;
        script.addEventListener("load", resolve);
        document.body.append(script);
      });
    let loaded = null;
    const made = filter("Search all pages", () => {
      loaded ??= Promise.all([typeof MiniSearch === "undefined" ? load("minisearch.js") : null, typeof PAGES === "undefined" ? load("record.js") : null]);
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

  const copying = (label, text) => {
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "more";
    copy.textContent = label;
    copy.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(text);
      copy.textContent = "Copied";
    });
    return copy;
  };

  // A claim with its sources as HTML for the page of somebody else: it needs no style and asks for nothing.
  const card = (said, supports, standing, address) => {
    const styled = (name, style, ...content) => {
      const made = document.createElement(name);
      made.style.cssText = style;
      made.append(...content);
      return made;
    };
    const leading = (text, href) => {
      const link = styled("a", "color:#0b5a6c", text);
      link.href = href;
      return link;
    };
    const sources = supports.map((support) => {
      const [source, link, quote] = [".source", ".source a[href^=http]", "blockquote"].map((part) => support.querySelector(part));
      const words = source.textContent.trim().replace(/\s+/g, " ");
      const told = styled("li", "margin:4px 0", link ? leading(words, link.href) : words);
      if (quote) told.append(styled("div", "font-style:italic", `“${quote.textContent.trim()}”`));
      return told;
    });
    const box = "max-width:34em;margin:1em 0;padding:14px 18px;border:1px solid #dcdad3;border-top:4px solid #0b5a6c;border-radius:4px;";
    return styled(
      "figure",
      `${box}background:#fffefb;color:#1b1d1f;font:15px/1.45 sans-serif;overflow-wrap:anywhere`,
      styled("div", "font:bold 18px/1.35 serif", said),
      styled("ul", "margin:10px 0;padding-left:18px", ...sources),
      styled("figcaption", "color:#575c61;font-size:12px", leading(document.title, address), `. ${standing}`),
    ).outerHTML;
  };

  const cite = (row) => {
    const said = [...row.querySelectorAll("bdi")].map((one) => one.textContent).filter((text) => text !== "–").join(" · ");
    const runs = [...row.querySelectorAll("[data-all]")].flatMap((refs) => numbers(refs.dataset.all));
    const supports = [...new Set(runs)].slice(0, 3).flatMap((number) => [...document.querySelectorAll(`#e${number} .support`)]);
    const sources = supports.map((support) => support.querySelector(".source").textContent.trim().replace(/\s+/g, " "));
    const standing = document.querySelector(".standing").textContent.trim();
    const page = root === "#" ? `#${location.hash.split("#")[1] || "index.html"}` : "";
    const address = `${location.href.split("#")[0]}${page}#${row.id}`;
    const text = document.createElement("p");
    text.className = "citation";
    text.textContent = `“${said}”. In: ${document.title}. ${sources.length ? `From: ${sources.slice(0, 3).join(" ")} ` : ""}${standing} ${address}`;
    const html = document.createElement("p");
    html.className = "citation embedding";
    html.tabIndex = 0;
    html.setAttribute("role", "group");
    html.setAttribute("aria-label", "The card in HTML");
    html.textContent = card(said, supports.slice(0, 5), standing, address);
    const item = document.createElement("li");
    const intro = document.createElement("p");
    intro.textContent = "Or as a card for another page, in HTML that stands by itself:";
    item.append(text, copying("Copy", text.textContent), intro, html, copying("Copy the card", html.textContent));
    list.replaceChildren(item);
    title.textContent = "Cite this row";
    panel.showModal();
  };
  for (const row of document.querySelectorAll("main tr[id], .card")) {
    if (row.sectionRowIndex >= MOST) continue;
    const link = document.createElement("a");
    link.className = "cite";
    link.href = `#${row.id}`;
    link.textContent = "¶";
    link.setAttribute("aria-label", "Cite this row");
    ([...(row.cells ?? [])].at(-1) ?? row).append(link);
  }

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
    const cited = event.target.closest("a.cite");
    if (cited) return cite(cited.closest("tr, .card"));
    if (ref && !panel.contains(ref)) {
      event.preventDefault();
      open(ref.closest("[data-all]"), ref.getAttribute("class") === "ref" ? named(holder(ref)) : ref.querySelector("title").textContent);
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
      if (lead) lead.replaceChildren(...sentences.flatMap((n) => [Object.assign(element("bdi", "", said[n][0]), { dir: "ltr" }), " ", refsTo(said[n][1]), " "]));
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
