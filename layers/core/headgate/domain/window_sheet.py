"""The style sheet of a window's report: the colours of the model card, for paper and screen, light and dark."""

SHEET = """
:root { --paper: #f6f4ef; --card: #fffdf9; --ink: #1c2429; --soft: #56636a; --line: #ddd8cd; --water: #2a769d;
  --before: #a9b4b9; --bad: #b03a29; color-scheme: light; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #11171a; --card: #192125; --ink: #e8e6df;
  --soft: #a3afb5; --line: #2c373c; --water: #4ba3d0; --before: #5d6b72; --bad: #f08c79; color-scheme: dark; } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
header { margin: 0 0 1rem; } header p { margin: .15rem 0; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: .1rem 0 .3rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .3rem; }
p { margin: .4rem 0; max-width: 48em; }
.lead { font-size: 1.1rem; }
.soft { color: var(--soft); font-size: .92rem; max-width: none; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.25rem;
  margin: 0 0 1.1rem; }
.better, .worse { border-left: 6px solid var(--water); } .worse { border-left-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: .8rem 1.6rem;
  margin: .9rem 0 .6rem; }
.tiles dt { color: var(--soft); font-size: .92rem; } .tiles dd { margin: 0; font-size: .88rem; color: var(--soft); }
.tiles b { display: block; font-size: 1.65rem; line-height: 1.25; font-weight: 600; color: var(--ink); }
.tiles .moved b { color: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); gap: 1.2rem 1.8rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9rem; color: var(--soft); max-width: 30rem; margin: .3rem 0 0; }
figcaption b { color: var(--ink); font-weight: 600; }
.legend span { margin-right: 1.2rem; font-size: .9rem; color: var(--soft); }
.key { display: inline-block; width: .9em; height: .9em; border-radius: 2px; margin-right: .4em;
  vertical-align: -.08em; background: var(--water); }
.key.before { background: var(--before); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; width: 100%; }
.facts th[scope=row] { overflow-wrap: anywhere; min-width: 9rem; }
th, td { text-align: left; padding: .35rem 1.1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 400; } thead th { color: var(--soft); vertical-align: bottom; }
.n { text-align: right; white-space: nowrap; } thead .n { white-space: normal; }
.bad { color: var(--bad); font-weight: 600; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--soft); }
svg { width: 100%; height: auto; max-width: 460px; display: block; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
rect.before { fill: var(--before); } rect.now { fill: var(--water); }
.axis { stroke: var(--soft); } .grid { stroke: var(--line); }
@media print { html { font-size: 12.5px; } body { background: #fff; } main { max-width: none; padding: 0; }
  section { border-color: #bbb; border-radius: 6px; background: #fff; } figure, tr { break-inside: avoid; } }
@media (max-width: 560px) { section { padding: .9rem; border-radius: 10px; } h1 { font-size: 1.45rem; } }
"""
