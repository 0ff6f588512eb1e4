"""The model card's one style sheet: paper and screen, light and dark, wide and narrow."""

SHEET = """
:root { --paper: #f6f4ef; --card: #fffdf9; --ink: #1c2429; --soft: #5d6a70; --line: #ddd8cd; --water: #2f7fa8;
  --rival: #a8720f; --bad: #b5402f; --cell: 47 127 168; }
@media (prefers-color-scheme: dark) { :root { --paper: #11171a; --card: #192125; --ink: #e8e6df; --soft: #9aa7ad;
  --line: #2c373c; --water: #3f94bf; --rival: #dba947; --bad: #e57b68; --cell: 63 148 191; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 46em; }
.lead { font-size: 1.08rem; }
small, .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.25rem;
  margin: 0 0 1.1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 1rem 1.5rem; }
figure { margin: 0; }
figcaption { font-size: .9rem; color: var(--soft); }
figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; }
th { font-weight: 500; color: var(--soft); }
.n { text-align: right; white-space: nowrap; }
.bad { color: var(--bad); font-weight: 600; }
.cells td { text-align: center; padding: .5rem; }
td:has(.bar) { width: 55%; }
.bar { display: block; margin-top: .4rem; height: .7rem; background: var(--water); border-radius: 3px; min-width: 1px; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--soft); }
svg { width: 100%; height: auto; max-width: 460px; display: block; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .label { fill: var(--ink); }
polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
polyline.challenger { stroke: var(--water); } polyline.rival { stroke: var(--rival); stroke-dasharray: 6 3; }
polyline.reference, .mark { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 3 4; fill: none; }
circle.challenger, rect.challenger { fill: var(--water); } circle.rival { fill: var(--rival); }
polyline.range { stroke: var(--water); stroke-width: 6; opacity: .3; stroke-linecap: round; }
.axis { stroke: var(--soft); } .grid { stroke: var(--line); }
.key { display: inline-block; width: 1.6em; border-top: 3px solid var(--water); vertical-align: middle; }
.key.rival { border-top: 3px dashed var(--rival); }
@media print { body { background: #fff; font-size: 11pt; } section, figure, tr { break-inside: avoid; }
  section { border-color: #bbb; } main { max-width: none; padding: 0; } }
@media (max-width: 560px) { section { padding: .9rem; border-radius: 10px; } table { font-size: .86rem; }
  th, td { padding-right: .55rem; } h1 { font-size: 1.35rem; } }
"""
