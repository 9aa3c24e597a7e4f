// What our pages look like: one sheet of paper, dark and light, readable on a phone.

/** Colours, type, and what every page has. */
export const BASE_STYLE = `
:root{--paper:#fbfaf7;--raised:#ffffff;--ink:#20222a;--soft:#5c606c;--line:#e3e1da;--accent:#4154c4;--accent-soft:#eceefb;--code:#f3f1eb;--good:#1d7a4c;--warn:#96610d;--bad:#b3353b;--font:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--paper:#14161c;--raised:#1b1e26;--ink:#e6e7ec;--soft:#a0a5b3;--line:#2b2f3a;--accent:#98a6ff;--accent-soft:#232844;--code:#101218;--good:#6ccf9a;--warn:#e0b060;--bad:#f08b8f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1.5rem}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 var(--font)}
a{color:var(--accent);text-underline-offset:.2em;text-decoration-thickness:1px}
a:focus-visible,button:focus-visible,input:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
h1,h2,h3{line-height:1.2;letter-spacing:-.015em;text-wrap:balance}
code,pre,.mono{font-family:var(--mono);font-size:.86em}
code{background:var(--code);padding:.1em .35em;border-radius:4px}
pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:1rem 1.1rem;overflow-x:auto;line-height:1.55;margin:.6rem 0 0}
pre code{background:none;padding:0;font-size:inherit}
.mark{fill:var(--accent);flex:none}
.brand{display:flex;align-items:center;gap:.65rem;font-weight:650;font-size:1.1rem;color:var(--ink);text-decoration:none}
.soft{color:var(--soft)}
`;

/** A page of prose in one column. */
export const PROSE_STYLE = `${BASE_STYLE}
.column{max-width:46rem;margin:0 auto;padding:2.2rem 1.4rem 5rem}
header{display:flex;justify-content:space-between;align-items:center;gap:1rem;flex-wrap:wrap}
header nav{display:flex;gap:1.3rem;font-size:.95rem}
h1{font-size:clamp(2rem,6vw,3rem);margin:4.2rem 0 1rem;font-weight:680}
h2{font-size:1.35rem;margin:3.2rem 0 .6rem}
.lead{font-size:1.2rem;color:var(--soft);margin:0 0 1.6rem;max-width:38rem}
ol.steps{list-style:none;padding:0;margin:1.4rem 0 0;counter-reset:step}
ol.steps>li{counter-increment:step;padding:0 0 1.6rem 3rem;position:relative}
ol.steps>li::before{content:counter(step);position:absolute;left:0;top:.05rem;width:2rem;height:2rem;border-radius:50%;background:var(--accent-soft);color:var(--accent);display:grid;place-items:center;font-weight:650;font-size:.95rem}
ol.steps>li:not(:last-child)::after{content:"";position:absolute;left:1rem;top:2.4rem;bottom:.3rem;width:1px;background:var(--line)}
ol.steps pre{white-space:pre-wrap;overflow-wrap:anywhere}
ul.plain{padding-left:1.15rem}
ul.plain li{margin:.35rem 0}
.go{display:inline-block;background:var(--accent);color:var(--paper);padding:.65rem 1.15rem;border-radius:8px;text-decoration:none;font-weight:600;margin:.3rem .8rem .3rem 0}
.go.quiet{background:none;color:var(--accent);box-shadow:inset 0 0 0 1px var(--line)}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.85rem;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
td{padding:.55rem .8rem .55rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:target td{background:var(--accent-soft)}
tr:target td:first-child{box-shadow:-3px 0 0 var(--accent)}
td:first-child a{color:inherit;text-decoration:none}
footer{margin-top:4rem;padding-top:1.4rem;border-top:1px solid var(--line);font-size:.9rem;color:var(--soft)}
`;

/** The reference: a list of what there is beside what it is. */
export const REFERENCE_STYLE = `${BASE_STYLE}
body{font-size:16px}
.frame{display:grid;grid-template-columns:17.5rem minmax(0,1fr);max-width:82rem;margin:0 auto}
aside{position:sticky;top:0;height:100vh;overflow-y:auto;padding:1.6rem 1rem 3rem 1.4rem;border-right:1px solid var(--line);scrollbar-width:thin}
aside input{width:100%;margin:1.2rem 0 .4rem;padding:.5rem .7rem;border:1px solid var(--line);border-radius:7px;background:var(--raised);color:inherit;font:inherit;font-size:.92rem}
aside h2{font-size:.78rem;letter-spacing:.02em;margin:1.3rem 0 .3rem;color:var(--soft);font-weight:600}
aside ul{list-style:none;margin:0;padding:0}
aside li a{display:block;padding:.17rem .5rem;border-radius:5px;color:var(--ink);text-decoration:none;font-size:.9rem;line-height:1.45}
aside li a:hover{background:var(--accent-soft)}
main{padding:1.8rem clamp(1.2rem,4vw,3.2rem) 6rem}
main>header h1{font-size:2.1rem;margin:.4rem 0 .8rem}
main h2{font-size:1.5rem;margin:3.6rem 0 .2rem;padding-top:1rem;border-top:1px solid var(--line)}
article{margin:2.4rem 0 3rem}
article h3{font-size:1.14rem;margin:0 0 .35rem}
article h3 a{color:inherit;text-decoration:none}
article h3 a:hover{text-decoration:underline}
.address{display:flex;gap:.7rem;align-items:baseline;font-family:var(--mono);font-size:.9rem;margin:.2rem 0 .7rem;overflow-wrap:anywhere}
.method{font-weight:700;font-size:.78rem;text-transform:uppercase;color:var(--accent)}
.method.post{color:var(--good)}.method.patch{color:var(--warn)}.method.delete{color:var(--bad)}
.parts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.2rem 2rem;align-items:start}
.parts>*{min-width:0}
h4{font-size:.85rem;margin:1.1rem 0 .3rem;color:var(--soft);font-weight:600}
dl{margin:0}
dt{font-family:var(--mono);font-size:.86rem;margin-top:.55rem;overflow-wrap:anywhere}
dt .type{color:var(--soft);font-family:var(--font);font-size:.84rem;margin-left:.5rem}
dt .must{color:var(--bad);font-family:var(--font);font-size:.8rem;margin-left:.5rem}
dd{margin:.05rem 0 0;font-size:.92rem;color:var(--soft)}
dd dl{border-left:2px solid var(--line);padding-left:.9rem;margin:.2rem 0 .4rem}
details{border-top:1px solid var(--line);padding:.45rem 0}
details:last-child{border-bottom:1px solid var(--line)}
summary{cursor:pointer;font-size:.93rem}
summary .status{font-family:var(--mono);font-weight:650;margin-right:.5rem;color:var(--good)}
summary .status.refused{color:var(--bad)}
pre{max-height:26rem;overflow:auto;font-size:.8rem}
.hidden{display:none}
@media (max-width:60rem){.frame{grid-template-columns:1fr}aside{position:static;height:auto;max-height:none;border-right:0;border-bottom:1px solid var(--line)}aside nav{max-height:16rem;overflow-y:auto}}
`;
