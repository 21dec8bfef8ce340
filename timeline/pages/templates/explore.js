"use strict";
/* global NAMES, EVENTS */
// The choice stands in the address: a link to the page leads to the same events and view.
(() => {
  const MONTHS = 40; // from which on a bar of the histogram is a year
  const MOST = 300; // rows of the list at once
  const ABREAST = 20; // actors along a side of the matrix
  const LISTS = { actor: 6, initiative: 7, publisher: 8, place: 9 };
  const form = document.querySelector(".filters");
  const holder = document.getElementById("view");
  const views = [...document.querySelectorAll(".views button")];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = EVENTS.map((event) => plain(`${event[3]} ${event[4]} ${event.slice(6).flat().map((n) => NAMES[n][0]).join(" ")}`));
  let view = "list";

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };
  const linked = (text, path) => {
    if (!path) return element("bdi", "", text);
    const link = element("a", "", element("bdi", "", text));
    link.href = path;
    return link;
  };
  const counted = (keys) => {
    const times = new Map();
    for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1);
    return [...times].sort((one, two) => two[1] - one[1]);
  };

  // The choices

  const fill = (name, entries) => {
    for (const [value, label, times] of entries) {
      const option = element("option", "", `${label} (${times})`);
      option.value = value;
      form.elements[name].append(option);
    }
  };
  fill("kind", counted(EVENTS.map((event) => event[3])).map(([kind, times]) => [kind, kind, times]));
  for (const [name, at] of Object.entries(LISTS)) {
    fill(name, counted(EVENTS.flatMap((event) => [...new Set(event[at])])).map(([n, times]) => [NAMES[n][0], NAMES[n][0], times]));
  }

  const chosen = () => {
    const value = (name) => form.elements[name].value;
    const words = plain(value("words")).split(/\s+/).filter(Boolean);
    const lists = Object.entries(LISTS).filter(([name]) => value(name));
    const [kind, from, to] = [value("kind"), value("from"), value("to")];
    return EVENTS.filter(
      (event, index) =>
        (!kind || event[3] === kind) &&
        (!from || (event[1] && event[1] >= from)) &&
        (!to || (event[0] && event[0] <= to)) &&
        lists.every(([name, at]) => event[at].some((n) => NAMES[n][0] === value(name))) &&
        words.every((word) => texts[index].includes(word)),
    );
  };

  // The histogram

  const histogram = () => {
    const months = chosen().filter((event) => event[0]).map((event) => event[0].slice(0, 7)).sort();
    const number = (month) => Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1;
    const [first, last] = months.length ? [number(months[0]), number(months.at(-1))] : [0, -1];
    const step = last - first < MONTHS ? 1 : 12; // all of the time, so that what is quiet shows
    const name = (n) => `${Math.floor(n / 12)}`.padStart(4, "0") + (step === 1 ? `-${String((n % 12) + 1).padStart(2, "0")}` : "");
    const times = new Map(counted(months.map((month) => month.slice(0, step === 1 ? 7 : 4))));
    const bars = [];
    for (let n = step === 1 ? first : first - (first % 12); n <= last; n += step) bars.push([name(n), times.get(name(n)) ?? 0]);
    const most = Math.max(1, ...times.values());
    document.querySelector(".histogram").replaceChildren(
      ...bars.map(([time, times]) => {
        const bar = element("button", "column", element("i", ""), element("span", "", time));
        bar.type = "button";
        bar.firstChild.style.height = times ? `${Math.max(4, (times / most) * 100)}%` : 0;
        bar.disabled = !times;
        bar.setAttribute("aria-label", `${time}: ${times} ${times === 1 ? "event" : "events"}`);
        bar.title = bar.getAttribute("aria-label");
        bar.addEventListener("click", () => {
          form.elements.from.value = step === 12 ? `${time}-01-01` : `${time}-01`;
          form.elements.to.value = step === 12 ? `${time}-12-31` : new Date(Date.UTC(Number(time.slice(0, 4)), Number(time.slice(5)), 0)).toISOString().slice(0, 10);
          changed();
        });
        return bar;
      }),
    );
  };

  // The views

  const list = (events) => {
    const body = element("tbody", "");
    for (const event of events.slice(0, MOST)) {
      const names = (at) => event[at].flatMap((n, index) => [index ? "; " : "", linked(...NAMES[n])]);
      body.append(
        element("tr", "", element("td", "date", event[2]), element("td", "", event[3]), element("td", "", linked(event[4], event[5])), element("td", "", ...names(6)), element("td", "", ...names(8))),
      );
    }
    const head = element("tr", "", ...["When", "Sort", "What", "Who", "Published by"].map((name) => element("th", "", name)));
    const table = element("table", "", element("thead", "", head), body);
    const more = events.length > MOST ? [element("p", "small", `The first ${MOST} of ${events.length}: narrow the choice to see others.`)] : [];
    return [table, ...more];
  };

  const matrix = (events) => {
    const sets = events.map((event) => [...new Set(event[6])]);
    const sides = counted(sets.flat()).slice(0, ABREAST).map(([n]) => n);
    if (sides.length < 2) return [element("p", "", "None of these events names two.")];
    const head = element("tr", "", element("td", ""), ...sides.map((n) => element("th", "", element("span", "met", element("bdi", "", NAMES[n][0])))));
    const rows = sides.map((one) => {
      const cells = sides.map((two) => {
        const times = one === two ? 0 : sets.filter((set) => set.includes(one) && set.includes(two)).length;
        const cell = element("td", times ? `heat heat-${Math.min(4, Math.ceil(Math.log2(times + 1)))}` : "", times ? String(times) : "");
        return cell;
      });
      return element("tr", "", element("th", "", linked(...NAMES[one])), ...cells);
    });
    const region = element("div", "matrix", element("table", "", element("thead", "", head), element("tbody", "", ...rows)));
    region.tabIndex = 0;
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", "Actors by actors");
    return [element("p", "small", `How many of these events name both; the ${sides.length} actors named most often.`), region];
  };

  const calendar = (events) => {
    const days = new Map(counted(events.filter((event) => event[0] && event[0] === event[1]).map((event) => event[0])));
    const years = [...new Set([...days.keys()].map((day) => day.slice(0, 4)))].sort().reverse().slice(0, 12);
    const undrawn = events.length - [...days.values()].reduce((sum, times) => sum + times, 0);
    const drawn = years.map((year) => {
      const first = Date.UTC(Number(year), 0, 1);
      const offset = (new Date(first).getUTCDay() + 6) % 7;
      const grid = element("div", "year");
      for (let n = -offset; n < 366; n += 1) {
        const day = new Date(first + n * 864e5).toISOString().slice(0, 10);
        const times = n < 0 ? 0 : (days.get(day) ?? 0);
        const cell = element(times ? "button" : "i", times ? `heat heat-${Math.min(4, Math.ceil(Math.log2(times + 1)))}` : n < 0 || day.slice(0, 4) !== year ? "none" : "");
        if (times) {
          cell.type = "button";
          cell.title = `${day}: ${times}`;
          cell.setAttribute("aria-label", cell.title);
          cell.addEventListener("click", () => {
            form.elements.from.value = form.elements.to.value = day;
            view = "list";
            changed();
          });
        }
        grid.append(cell);
      }
      return element("section", "", element("h2", "", year), grid);
    });
    return [...drawn, element("p", "small", `A column is a week, Monday first. Not drawn, for want of a day: ${undrawn}.`)];
  };

  const VIEWS = { list, "who with whom": matrix, calendar };

  // The address

  const show = () => {
    const events = chosen();
    document.getElementById("count").textContent = `${events.length} of ${EVENTS.length} events`;
    histogram();
    for (const button of views) button.setAttribute("aria-pressed", String(button.value === view));
    holder.replaceChildren(...VIEWS[view](events));
  };
  const changed = () => {
    const choice = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    if (view !== "list") choice.set("view", view);
    history.replaceState(null, "", `#${choice}`);
    show();
  };
  const read = () => {
    const choice = new URLSearchParams(location.hash.slice(1));
    for (const field of form.elements) if (field.name) field.value = choice.get(field.name) ?? "";
    view = choice.get("view") in VIEWS ? choice.get("view") : "list";
    show();
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  for (const button of views) {
    button.addEventListener("click", () => {
      view = button.value;
      changed();
    });
  }
  window.addEventListener("hashchange", read);
  read();
})();
