"use strict";
// Shows one page of a site of one file. The address names it, and then a part of it: #page.html#part.
(() => {
  const pages = JSON.parse(document.getElementById("pages").textContent);
  const here = () => location.hash.split("#").slice(1);
  const path = here()[0] in pages ? here()[0] : "index.html";
  document.currentScript.insertAdjacentHTML("beforebegin", pages[path]);
  document.title = document.querySelector("h1").textContent;
  const part = () => document.getElementById(here().at(-1))?.scrollIntoView();
  window.addEventListener("load", part);
  window.addEventListener("hashchange", () => {
    const [next, ...more] = here();
    if (next === path) part();
    else if (next in pages || next === undefined) location.reload();
    else history.replaceState(null, "", `#${[path, next, ...more].join("#")}`); // a part of this page
  });
})();
