"""The model card's one style sheet: paper and screen, light and dark, wide and narrow.

Blue and amber are told apart by every common kind of colour blindness, and lines differ in their strokes as well.
"""

SHEET = """
:root { --paper: #f6f4ef; --card: #fffdf9; --ink: #1c2429; --soft: #56636a; --line: #ddd8cd; --water: #2a769d;
  --rival: #9a6508; --bad: #b03a29; --shade: rgb(28 36 41 / .16); --cell: 47 127 168; color-scheme: light; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #11171a; --card: #192125; --ink: #e8e6df;
  --soft: #a3afb5; --line: #2c373c; --water: #4ba3d0; --rival: #dba947; --bad: #f08c79; --shade: rgb(0 0 0 / .5);
  --cell: 63 148 191; color-scheme: dark; } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
header { margin: 0 0 1rem; } header p { margin: .15rem 0; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: .1rem 0 .3rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .25rem; }
p { margin: .4rem 0; max-width: 48em; }
.lead { font-size: 1.1rem; }
.soft { color: var(--soft); font-size: .92rem; max-width: none; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.25rem;
  margin: 0 0 1.1rem; }
.better, .unsure, .worse, .care { border-left: 6px solid var(--water); }
.unsure, .care { border-left-color: var(--rival); } .worse { border-left-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: .8rem 1.6rem;
  margin: 0 0 .6rem; }
.tiles dt { color: var(--soft); font-size: .92rem; } .tiles dd { margin: 0; font-size: .92rem; }
.tiles b { display: block; font-size: 1.65rem; line-height: 1.25; font-weight: 600; }
ul { margin: 0; padding-left: 1.2rem; max-width: 50em; } li { margin: .25rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); gap: 0 1.6rem; }
figure { margin: 0; min-width: 0; display: grid; grid-template-rows: subgrid; grid-row: span 4; row-gap: 0; }
figure h3 { margin: 0; }
figure.broad { grid-column: 1 / -1; }
figcaption { font-size: .92rem; color: var(--soft); max-width: 30rem; margin: .2rem 0 1.4rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: .1rem 0 .3rem; font-size: .88rem; align-content: end; }
code { font-size: .95em; overflow-wrap: anywhere; }
.key { display: inline-block; width: 1.7em; border-top: 3px solid var(--water); vertical-align: middle;
  margin-right: .4em; }
.key.rival { border-top: 3px dashed var(--rival); } .key.training { border-top: 3px dotted var(--soft); }
.key.reference { border-top: 2px dotted var(--soft); }
.key.range { border-top-width: 8px; opacity: .35; }
.key.dot { width: .65em; height: .65em; border: 0; border-radius: 50%; background: var(--water); }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--card) 30%, transparent) left / 40px 100% no-repeat local,
  linear-gradient(to left, var(--card) 30%, transparent) right / 40px 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / 12px 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / 12px 100% no-repeat scroll; }
:focus-visible { outline: 2px solid var(--water); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .94rem; }
.facts { width: 100%; }
.wide { min-width: 25rem; } .wider { min-width: 38rem; }
.facts th[scope=row] { overflow-wrap: anywhere; min-width: 9rem; }
th, td { text-align: left; padding: .35rem 1.2rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
th { font-weight: 400; } thead th { color: var(--soft); vertical-align: bottom; }
.n { text-align: right; white-space: nowrap; }
thead .n { white-space: normal; }
.bad { color: var(--bad); font-weight: 600; }
.cells th, .cells td { padding: .45rem .6rem; max-width: 9rem; } .cells td { text-align: center; }
.cells tr > :first-child { position: sticky; left: 0; background: var(--card); text-align: left; }
td:has(.bar) { width: 50%; }
.bar { display: block; margin-top: .4rem; height: .7rem; background: var(--water); border-radius: 3px; min-width: 1px; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--soft); }
svg { width: 100%; height: auto; max-width: 460px; display: block; align-self: start; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
svg .label { fill: var(--ink); }
svg .halo { fill: var(--ink); stroke: var(--card); stroke-width: 4px; paint-order: stroke; }
polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
polyline.challenger { stroke: var(--water); } polyline.rival { stroke: var(--rival); stroke-dasharray: 6 3; }
polyline.training { stroke: var(--soft); stroke-dasharray: 2 3; }
polyline.reference, .mark { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 3 4; fill: none; }
circle.challenger, rect.challenger { fill: var(--water); } circle.rival { fill: var(--rival); }
polyline.range { stroke: var(--water); stroke-width: 6; opacity: .35; stroke-linecap: round; }
.axis { stroke: var(--soft); } .grid { stroke: var(--line); } .frame { fill: none; stroke: var(--line); }
@media print { html { font-size: 12.5px; } body { background: #fff; font-size: 1rem; }
  main { max-width: none; padding: 0; } section { border-color: #bbb; border-radius: 6px; background: #fff; }
  header, figure, tr, .tiles, .care { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; background: none; } .wide, .wider { min-width: 0; }
  .plots { grid-template-columns: 1fr 1fr; } svg { max-width: 300px; }
  details::details-content { content-visibility: visible; } summary { list-style: none; } }
@media (max-width: 560px) { section { padding: .9rem; border-radius: 10px; } table { font-size: .9rem; }
  th, td { padding-right: .7rem; } h1 { font-size: 1.45rem; } .tiles { grid-template-columns: 1fr; gap: .5rem; }
  .tiles b { display: inline; font-size: 1.25rem; } td:has(.bar) { width: 30%; } }
"""
