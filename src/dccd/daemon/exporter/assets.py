"""The style and the script of the status page, which stand in the page itself."""

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #fff; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0; --raised: #f6f8fa;
  --bad: #b3261e; --bad-ground: #fdecea; --warn: #7a4d00; --warn-ground: #fff3d6;
  --good: #116329; --good-ground: #e6f6ea; --bar: #2f6f9f; --gap: #b35900;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1419; --ink: #e6edf3; --faint: #9aa7b4; --line: #2f3943; --raised: #171d24;
    --bad: #ff9a91; --bad-ground: #3d1513; --warn: #f2c063; --warn-ground: #362a0d;
    --good: #7ee08f; --good-ground: #10301a; --bar: #6fb1e0; --gap: #f0a35b;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1.25rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.35rem; }
h2 { margin: 2rem 0 .6rem; font-size: 1.05rem; }
p { margin: .3rem 0; }
.faint, dt, th, .axis, .held { color: var(--faint); }
.tag { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: .6rem;
  font-size: .8rem; font-weight: 600; white-space: nowrap; }
.tag + .tag { margin-left: .3rem; }
.bad { color: var(--bad); background: var(--bad-ground); }
.warn { color: var(--warn); background: var(--warn-ground); }
.good { color: var(--good); background: var(--good-ground); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-size: .8rem; font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; }
td.text { min-width: 12rem; white-space: normal; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
dd.bad, dd.warn { width: fit-content; padding: 0 .4rem; border-radius: .3rem; }
.series { display: grid; grid-template-columns: 15rem 1fr; gap: .1rem 1rem; align-items: center; }
.series { padding: .35rem 0; border-bottom: 1px solid var(--line); }
.series svg { width: 100%; height: 12px; background: var(--raised); }
.held { grid-column: 2; font-size: .8rem; }
.axis { display: flex; justify-content: space-between; margin-left: 16rem; padding-top: .3rem; font-size: .8rem; }
.full { fill: var(--bar); }
.part { fill: var(--gap); }
label { font-size: .85rem; color: var(--faint); }
#lost { margin: .8rem 0; padding: .4rem .7rem; border-radius: .3rem; }
@media (max-width: 46rem) {
  body { padding: .9rem; }
  .series { grid-template-columns: 1fr; }
  .held { grid-column: 1; }
  .axis { margin-left: 0; }
  .axis span:nth-child(even) { display: none; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .4rem; }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  td, td.number { display: grid; grid-template-columns: 7rem 1fr; padding: .1rem 0; border: 0; text-align: left; }
  td.text { min-width: 0; }
  td::before { content: attr(data-label); color: var(--faint); }
  td:empty { display: none; }
}
"""

# The page is complete without it; it only loads the page again.
SCRIPT: Final = """
(() => {
  const often = document.getElementById("often"), lost = document.getElementById("lost");
  document.getElementById("control").hidden = false;
  const look = async () => {
    if (!often.checked || document.hidden) return;
    try {
      const answer = await fetch("/", {cache: "no-store", signal: AbortSignal.timeout(9000)});
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
      document.title = fresh.title;
      lost.hidden = true;
    } catch (error) {
      lost.hidden = false;
    }
  };
  setInterval(look, 15000);
  document.addEventListener("visibilitychange", look);
})();
"""
