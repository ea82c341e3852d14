/** The page's style: two grounds and paper. Verdicts are told apart by their words and their shape, not by colour alone. */

export const styleSheet = `
:root { color-scheme: light dark; --ground: #fff; --panel: #f4f6f9; --ink: #18202c; --faint: #5a6575; --line: #d5dbe4; --mark: #a1331a;
--series-1: #1f4e9c; --series-2: #d46a00; --series-3: #0b8a8f; --series-4: #9b2d6f; --series-5: #6b7280;
--pass: #155e3b; --pass-ground: #d9f2e3; --fail: #8f1d14; --fail-ground: #fbdedb; --open: #6b4a00; --open-ground: #fbeecb; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161d; --panel: #1b212b; --ink: #e4e9f0; --faint: #9aa6b6; --line: #333d4b; --mark: #ff9d80;
--series-1: #7fb0ff; --series-2: #ffae5c; --series-3: #5fd3d6; --series-4: #ef93c6; --series-5: #a5afbd;
--pass: #9be8be; --pass-ground: #14402b; --fail: #ffb4aa; --fail-ground: #561b16; --open: #ffdf9a; --open-ground: #4b390c; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; margin: 0 auto; max-width: 1080px; padding: 1.5rem 1.25rem 3rem; color: var(--ink); background: var(--ground); }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
.meta, .note { color: var(--faint); }
.note { border-left: 3px solid var(--line); padding-left: .75rem; margin: .5rem 0; }
.badge { display: inline-block; padding: .1rem .6rem; border-radius: 999px; font-weight: 600; font-size: .85rem; white-space: nowrap; border: 1px solid currentcolor; }
.pass { color: var(--pass); background: var(--pass-ground); }
.fail { color: var(--fail); background: var(--fail-ground); border-width: 2px; }
.not-measured { color: var(--open); background: var(--open-ground); border-style: dashed; }
.notYet, .notHere { color: var(--faint); font-weight: 500; }
.remarks { overflow-wrap: anywhere; } .remarks p { margin: 0 0 .3rem; }
header .badge { font-size: 1rem; padding: .25rem .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
thead th { color: var(--faint); font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.absent { color: var(--faint); }
.indicators td:first-child { min-width: 13rem; }
.indicators td:nth-child(5), .indicators td:nth-child(6) { font-size: .82rem; color: var(--faint); min-width: 9rem; }
.indicators tr:not(.claim) td { border-bottom: 0; padding-bottom: 0; }
.claim td { padding-top: 0; font-size: .82rem; color: var(--faint); } .claim details { margin: .2rem 0; } .claim p, .claim ul { margin: .3rem 0; }
.indicators th:nth-child(3), .indicators th:nth-child(4), .figures th:nth-child(n+2) { text-align: right; }
.figures, .machine { width: auto; min-width: 60%; }
.data td, .data th { text-align: right; }
.data td:first-child, .data th:first-child { text-align: left; }
.machine th { color: var(--faint); font-weight: 500; }
figure { margin: 1.25rem 0; background: var(--panel); border-radius: 8px; padding: .75rem; break-inside: avoid; }
figcaption { font-weight: 600; margin: 0 .25rem .5rem; }
svg { display: block; width: 100%; height: auto; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--faint); }
pre { background: var(--panel); padding: .75rem 1rem; border-radius: 6px; overflow-x: auto; font: 14px/1.5 ui-monospace, monospace; }
@page { size: A4; margin: 14mm; }
@media print { :root { --ground: #fff; --panel: #fff; --ink: #000; --faint: #444; --line: #bbb; --mark: #a1331a;
--series-1: #1f4e9c; --series-2: #d46a00; --series-3: #0b8a8f; --series-4: #9b2d6f; --series-5: #6b7280;
--pass: #155e3b; --pass-ground: #fff; --fail: #8f1d14; --fail-ground: #fff; --open: #6b4a00; --open-ground: #fff; }
body { max-width: none; padding: 0; font-size: 10.5pt; } h2 { break-after: avoid; } tr { break-inside: avoid; }
details::details-content { content-visibility: visible; display: block; } .scroll { overflow: visible; } table { font-size: 8.5pt; }
.indicators td:first-child { min-width: 32mm; } .indicators td:nth-child(5), .indicators td:nth-child(6) { min-width: 0; } pre { white-space: pre-wrap; }
.data td { white-space: normal; padding: .25rem .35rem; } thead th { white-space: normal; } }
`;
