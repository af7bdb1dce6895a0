"""The look of every page: calm, printable, and readable on a narrow window."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """\
:root { --ink: #1d2b33; --soft: #5a6b75; --line: #dfe5e8; --accent: #1c6e8c; --ground: #f6f8f9; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5; font-size: 16px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 1.2rem; margin: 0 0 10px; font-weight: 650; }
h3 { font-size: 1rem; margin: 20px 0 6px; font-weight: 650; }
p { margin: 0 0 10px; max-width: 76ch; overflow-wrap: anywhere; }
.subtitle, .note, figcaption, footer { color: var(--soft); }
.note, figcaption { font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 10px 0 18px; font-size: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
section { background: #fff; border: 1px solid var(--line); border-radius: 8px;
  padding: 20px 22px; margin: 0 0 16px; }
ul { margin: 0 0 10px; padding-left: 1.2em; max-width: 76ch; }
li { margin: 3px 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 6px 0 14px; font-size: .92rem; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: .84rem; vertical-align: bottom;
  overflow-wrap: normal; }
td.short { overflow-wrap: normal; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.notice { border-left: 4px solid var(--accent); background: #eef5f8; padding: 10px 14px;
  margin: 0 0 12px; border-radius: 0 6px 6px 0; max-width: 80ch; overflow-wrap: anywhere; }
.notice.good { border-color: #2f7d57; background: #edf6f1; }
.notice.caution { border-color: #b7791f; background: #fdf6e7; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
  gap: 16px; }
.grid > * { min-width: 0; }
figure { margin: 0 0 12px; min-width: 0; }
figure h3 { margin: 6px 0 0; }
figcaption { margin-top: 2px; }
.case { border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; margin: 0 0 12px; }
.case h3 { margin: 0 0 4px; overflow-wrap: anywhere; }
.case p { margin: 0 0 6px; }
img { max-width: 100%; height: auto; display: block; border-radius: 4px; background: #000; }
.strip { display: block; width: 100%; max-width: 300px; height: auto; }
.strip line { stroke: #9aa7ae; stroke-width: 1; }
.strip path, .strip circle { fill: #b23a2e; }
.values { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr));
  gap: 4px 22px; }
.values p { margin: 4px 0 0; }
details { margin: 6px 0; }
summary { cursor: pointer; color: var(--accent); padding: 4px 0; }
iframe { width: 100%; min-height: 900px; border: 1px solid var(--line); border-radius: 6px;
  background: #fff; }
.bar { display: block; background: #e8edf0; border-radius: 3px; height: 10px; position: relative;
  min-width: 90px; margin-top: 7px; }
.bar i { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 3px;
  background: var(--accent); }
.bar i.over { background: #b23a2e; }
footer { font-size: .85rem; padding: 8px 4px; }
@media (max-width: 720px) {
  main { padding: 18px 10px 32px; }
  section { padding: 16px 14px; }
  thead { display: none; }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { border: 1px solid var(--line); border-radius: 6px; padding: 6px 10px; margin: 0 0 8px; }
  td { display: flex; justify-content: space-between; gap: 14px; border: 0; padding: 3px 0; }
  td > * { text-align: right; min-width: 0; overflow-wrap: anywhere; }
  td.short { overflow-wrap: normal; }
  td.number { white-space: normal; }
  td::before { content: attr(data-label); color: var(--soft); flex: 0 0 auto; max-width: 46%; }
}
@media print {
  body { background: #fff; font-size: 11pt; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  section { border: 0; padding: 0 0 10px; break-inside: auto; }
  figure, .case, tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
