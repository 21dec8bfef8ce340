"use strict";
/* global NAMES, EVENTS, PAIRS, WORLD, d3, topojson */
// The choice stands in the address: a link to the page leads to the same events and view.
(() => {
  const MONTHS = 40; // from which on a bar of the histogram is a year, and days from which on a month
  const MOST = 300; // rows of the list at once
  const ABREAST = 20; // actors along a side of the matrix
  const NODES = [24, 60]; // actors of the network, on a phone and on a wide screen
  const LISTS = { actor: 6, initiative: 7, publisher: 8, place: 9 };
  const form = document.querySelector(".filters");
  if (!form) return; // another page of a site of one file
  const holder = document.getElementById("view");
  const views = [...document.querySelectorAll(".views button")];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = EVENTS.map((event) => plain(`${event[3]} ${event[4]} ${event.slice(6, 10).flat().map((n) => NAMES[n][0]).join(" ")}`));
  let view = "list";
  // In a site of one file the address names the page first.
  const root = document.currentScript.dataset.root ?? "";
  const address = (choice) => (root ? `${root}explore.html#${choice}` : `#${choice}`);

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };
  const linked = (text, path) => {
    if (!path) return element("bdi", "", text);
    const link = element("a", "", element("bdi", "", text));
    link.href = root + path;
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

  const histogram = (events) => {
    const days = events.map((event) => event[0]).filter(Boolean).sort();
    const [first = "", last = ""] = [days[0], days.at(-1)];
    const span = (Date.parse(last) - Date.parse(first)) / 864e5;
    const letters = span < MONTHS ? 10 : span < MONTHS * 30 ? 7 : 4; // of a day, a month, or a year
    const times = new Map(counted(days.map((day) => day.slice(0, letters))));
    const bars = [];
    // All of the time, so that what is quiet shows.
    for (const at = new Date(first); first && at.toISOString().slice(0, letters) <= last.slice(0, letters); ) {
      const name = at.toISOString().slice(0, letters);
      bars.push([name, times.get(name) ?? 0]);
      if (letters === 10) at.setUTCDate(at.getUTCDate() + 1);
      else if (letters === 7) at.setUTCMonth(at.getUTCMonth() + 1, 1);
      else at.setUTCFullYear(at.getUTCFullYear() + 1, 0, 1);
    }
    const most = Math.max(1, ...times.values());
    document.querySelector(".histogram").replaceChildren(
      ...bars.map(([time, times]) => {
        const bar = element("button", "column", element("i", ""), element("span", "", letters === 10 ? time.slice(5) : time));
        bar.type = "button";
        bar.firstChild.style.height = times ? `${Math.max(4, (times / most) * 100)}%` : 0;
        bar.disabled = !times;
        bar.setAttribute("aria-label", `${time}: ${times} ${times === 1 ? "event" : "events"}`);
        bar.title = bar.getAttribute("aria-label");
        bar.addEventListener("click", () => {
          const end = new Date(Date.UTC(Number(time.slice(0, 4)), Number(time.slice(5)), 0)).toISOString().slice(0, 10);
          form.elements.from.value = `${time}-01-01`.slice(0, 10);
          form.elements.to.value = letters === 10 ? time : letters === 7 ? end : `${time}-12-31`;
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

  // Pictures, drawn by D3 when they are first asked for

  const load = (name) =>
    new Promise((resolve) => {
      const script = element("script", "");
      script.src = name;
      script.addEventListener("load", resolve);
      document.body.append(script);
    });
  let drawing = null;
  const drawn = () => (drawing ??= Promise.all([typeof d3 === "undefined" && load("d3.js"), mapped && typeof WORLD === "undefined" && load("world.js")]));
  const svg = (name, given, ...content) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };
  const canvas = (height, label) => {
    const width = Math.max(300, holder.clientWidth);
    return [width, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label, class: "drawn" })];
  };
  // Leads to the events that a part of the picture is of.
  const narrowing = (name, value, words, ...content) => {
    const choice = new URLSearchParams([...new FormData(form)].filter(([key, had]) => had && key !== name));
    choice.set(name, value);
    return svg("a", { href: address(choice), "aria-label": words }, svg("title", {}, words), ...content);
  };
  // The labels for which there is room, beside their circles and on no other.
  const labelled = (spots, circles, width) => {
    const taken = circles.map(({ x, y, radius }) => [x - radius, y - radius, x + radius, y + radius]);
    return spots.flatMap(({ x, y, radius, text }) => {
      const wide = text.length * 6.6;
      const own = radius + 0.1;
      const free = ([left, top, right, bottom]) =>
        left >= 0 && right <= width && !taken.some((box) => left < box[2] && box[0] < right && top < box[3] && box[1] < bottom);
      const lefts = [x + own + 3, x - own - 3 - wide].find((left) => free([left, y - 7, left + wide, y + 7]));
      if (lefts === undefined) return [];
      taken.push([lefts, y - 7, lefts + wide, y + 7]);
      return [svg("text", { x: lefts, y: y + 4 }, text)];
    });
  };

  const network = (events) => {
    const chosen = new Set(events);
    const edges = new Map();
    for (const [one, two, coded, told] of PAIRS) {
      if (!told.some((n) => chosen.has(EVENTS[n]))) continue;
      const key = `${one} ${two}`;
      const edge = edges.get(key) ?? { source: one, target: two, times: 0, coded: true };
      edge.times += 1;
      edge.coded &&= Boolean(coded);
      edges.set(key, edge);
    }
    if (!edges.size) return [element("p", "", "None of these events has two meet.")];
    const met = counted([...edges.values()].flatMap((edge) => [edge.source, edge.target]));
    const nodes = met.slice(0, NODES[Number(holder.clientWidth > 600)]).map(([id, degree]) => ({ id, degree }));
    const shown = new Set(nodes.map((node) => node.id));
    const links = [...edges.values()].filter((edge) => shown.has(edge.source) && shown.has(edge.target));
    const height = Math.max(420, Math.min(holder.clientWidth, 640));
    const [width, picture] = canvas(height, "Network of who met whom");
    d3.forceSimulation(nodes)
      .force("link", d3.forceLink(links).id((node) => node.id).distance(width > 600 ? 90 : 55))
      .force("charge", d3.forceManyBody().strength(width > 600 ? -420 : -150))
      .force("x", d3.forceX(width / 2).strength(0.08))
      .force("y", d3.forceY(height / 2).strength(width > 600 ? 0.16 : 0.08))
      .force("apart", d3.forceCollide(16))
      .stop()
      .tick(300);
    // Over all of the picture, with room for names at the right.
    const across = [["x", width - Math.min(150, width / 4)], ["y", height]];
    for (const [side, room] of across) {
      const [least, most] = d3.extent(nodes, (node) => node[side]);
      const scale = Math.min(2, (room - 40) / Math.max(1, most - least));
      for (const node of nodes) node[side] = room / 2 + (node[side] - (least + most) / 2) * scale;
    }
    for (const node of nodes) Object.assign(node, { radius: Math.min(14, 4 + Math.sqrt(node.degree)), text: NAMES[node.id][0] });
    for (const { source, target, times, coded } of links) {
      const line = { x1: source.x, y1: source.y, x2: target.x, y2: target.y, "stroke-width": Math.min(6, 0.8 + Math.log2(times)), class: coded ? "edge coded" : "edge" };
      const words = coded ? `consulted, by coded rows: ${times}` : `met ${times} ${times === 1 ? "time" : "times"}`;
      picture.append(svg("line", line, svg("title", {}, `${source.text} and ${target.text}: ${words}`)));
    }
    for (const { text, degree, x, y, radius } of nodes) {
      picture.append(narrowing("actor", text, `${text}: with ${degree} ${degree === 1 ? "other" : "others"}`, svg("circle", { cx: x, cy: y, r: radius })));
    }
    picture.append(...labelled(nodes, nodes, width));
    const most = met.length > nodes.length ? `; the ${nodes.length} of ${met.length} named most often` : "";
    return [element("p", "small", `${coding ? "Who consults whom by coded rows" : "Who was at a meeting with whom, by any of these events"}${most}. A circle leads to the events of one.${!coding && links.some((edge) => edge.coded) ? " Dashed: only coded rows say so." : ""}`), picture];
  };

  const WORLDS = 7; // how many times larger than all of the world a map gets
  const map = (events) => {
    const spots = new Map();
    for (const event of events) {
      if (!event[10]) continue;
      const place = event[9].length ? NAMES[event[9][0]][0] : event[10].join(", ");
      const spot = spots.get(place) ?? { text: place, at: event[10], times: 0, named: event[9].length };
      spot.times += 1;
      spots.set(place, spot);
    }
    if (!spots.size) return [element("p", "", "None of these events has coordinates.")];
    const height = Math.max(220, Math.min(holder.clientWidth * 0.55, 560));
    const [width, picture] = canvas(height, "Map of the events");
    const projection = d3.geoNaturalEarth1().fitSize([width, height], { type: "Sphere" });
    const world = projection.scale();
    const points = { type: "MultiPoint", coordinates: [...spots.values()].map((spot) => spot.at) };
    projection.fitExtent([[30, 30], [width - 30, height - 30]], points);
    if (!(projection.scale() < world * WORLDS)) {
      const [x, y] = projection.scale(world * WORLDS).translate([0, 0])(d3.geoCentroid(points));
      projection.translate([width / 2 - x, height / 2 - y]);
    }
    if (projection.scale() < world) projection.fitSize([width, height], { type: "Sphere" });
    projection.clipExtent([[0, 0], [width, height]]);
    const path = d3.geoPath(projection);
    const countries = WORLD.objects.countries;
    picture.append(
      svg("path", { class: "land", d: path(topojson.merge(WORLD, countries.geometries)) ?? "" }),
      svg("path", { class: "border", d: path(topojson.mesh(WORLD, countries, (one, two) => one !== two)) ?? "" }),
    );
    const sorted = [...spots.values()].sort((one, two) => two.times - one.times);
    for (const spot of sorted) {
      [spot.x, spot.y] = projection(spot.at);
      spot.radius = Math.min(26, 2.5 + Math.sqrt(spot.times)) * Math.max(0.5, Math.min(1, width / 900));
      const words = `${spot.text}: ${spot.times} ${spot.times === 1 ? "event" : "events"}`;
      const circle = svg("circle", { cx: spot.x, cy: spot.y, r: spot.radius });
      picture.append(spot.named ? narrowing("place", spot.text, words, circle) : svg("g", {}, svg("title", {}, words), circle));
    }
    const named = sorted.filter((spot) => spot.named).slice(0, 40);
    picture.append(...labelled(named.map((spot) => ({ ...spot, text: spot.text.split(",")[0] })), sorted.slice(0, 40), width));
    const left = events.filter((event) => !event[10]).length;
    return [picture, element("p", "small", `A circle leads to the events of a place. Not drawn, for want of coordinates: ${left}. Outlines: Natural Earth.`)];
  };

  const mapped = EVENTS.some((event) => event[10]);
  const VIEWS = { list, "who with whom": matrix, "who met whom": network, calendar, ...(mapped ? { map } : {}) };
  // What programs coded are no meetings.
  const coding = PAIRS.length > 0 && PAIRS.every((pair) => pair[2]);
  if (coding) views.find((button) => button.value === "who met whom").textContent = "who consults whom";
  for (const button of views) button.hidden = !(button.value in VIEWS);
  const PICTURES = new Set([network, map]);

  // The address

  let asked = 0;
  const show = () => {
    const events = chosen();
    document.getElementById("count").textContent = `${events.length} of ${EVENTS.length} events`;
    histogram(events);
    for (const button of views) button.setAttribute("aria-pressed", String(button.value === view));
    const shown = VIEWS[view];
    const now = (asked += 1); // a picture may come after another choice
    const put = () => now === asked && holder.replaceChildren(...shown(events));
    if (PICTURES.has(shown)) drawn().then(put);
    else put();
  };
  const changed = () => {
    const choice = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    if (view !== "list") choice.set("view", view);
    history.replaceState(null, "", address(choice));
    show();
  };
  const read = () => {
    const choice = new URLSearchParams(location.hash.slice(address("").length));
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
