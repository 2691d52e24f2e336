"""The sandbox's page: what the vendors hold, the dials in force, the last requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from typing import Any

from integrations.sandbox.state import State
from integrations.sandbox.vendor import Table

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "down": ("answers 503, try again in 7 s", {"status": 503, "retry_after": "7"}),
    "limit": ("answers 429, try again in 7 s", {"status": 429, "retry_after": "7"}),
    "key": ("no longer knows the key (401)", {"status": 401}),
    "slow": ("takes 2 s longer", {"delay_ms": 2000}),
    "drip": ("answers 10 bytes a second", {"drip": {"bytes_per_second": 10}}),
    "hang": ("never answers", {"hang": True}),
    "lost": ("does it, but the answer is lost", {"reset": "after"}),
    "reset": ("hangs up before doing anything", {"reset": "before"}),
    "garbage": ("answers nonsense", {"garbage": True}),
    "partial": ("refuses a tenth of each batch", {"partial": {"share": 0.1}}),
    "conflict": ("refuses whole batches (409)", {"batch_conflict": True}),
}

STYLE = """
:root{color-scheme:light dark;--line:#d8dce3;--soft:#f4f6f9;--ink:#1b2430;--faint:#5c6878;--link:#0a58ca;--bad:#b42318}
@media (prefers-color-scheme:dark){:root{--line:#35404f;--soft:#1d2530;--ink:#e6eaf0;--faint:#9aa7b8;--link:#7fb2ff;
--bad:#ff9a8f}body{background:#131a22}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink)}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p,small{color:var(--faint)}a{color:var(--link)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{padding:.4rem .7rem;text-align:left;vertical-align:top}
td span,td code{display:inline-block;max-width:22rem;overflow-wrap:break-word}time{white-space:nowrap}
th{background:var(--soft);white-space:nowrap}tr+tr td{border-top:1px solid var(--line)}
section+form{margin-top:.8rem}form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end}td form{display:inline}
label{display:grid;font-size:.85rem;color:var(--faint)}
input,select,button{font:inherit;padding:.3rem .5rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--soft);color:var(--ink);max-width:100%}button{cursor:pointer}input[type=number]{width:6rem}
.bad{color:var(--bad)}code{font-size:.85rem}
"""


def render(state: State, *, is_live: bool) -> str:
    """The whole page."""
    refresh = '<meta http-equiv="refresh" content="5">' if is_live else ""
    switch = '<a href="/">Stop refreshing</a>' if is_live else '<a href="/?live=1">Refresh every 5 s</a>'
    tables = [table for vendor in state.vendors.values() for table in vendor.tables()]
    names = ", ".join(escape(vendor.name) for vendor in state.vendors.values())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}'
        f"<title>ShopBotly sandbox</title><style>{STYLE}</style></head><body>"
        f"<h1>Sandbox</h1><p>Stands in for {names}; nothing here reaches a real account. {switch}</p><main>"
        + "".join(_table(table) for table in tables)
        + _dials(state)
        + _requests(state)
        + _reset()
        + "</main></body></html>"
    )


def _table(table: Table) -> str:
    shown = f"{len(table.rows):,} of {table.total:,}" if table.total > len(table.rows) else f"{table.total:,}"
    return _section(f"{table.title} ({shown})", table.columns, [[_cell(value) for value in row] for row in table.rows])


def _section(title: str, columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """A heading and a table; the cells are HTML already."""
    if not rows:
        return f"<section><h2>{escape(title)}</h2><p>Nothing yet.</p></section>"
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<section><h2>{escape(title)}</h2><div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _cell(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if len(text) == 24 and text.endswith("Z") and text[10] == "T":
        return _when(text)
    return f'<span dir="auto">{escape(text if len(text) <= 300 else text[:300] + "…")}</span>'


def _when(stamp: str) -> str:
    try:
        age = int((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds())
    except ValueError:
        return escape(stamp)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    size, unit = next(((size, unit) for size, unit in units if age >= size), (1, "s"))
    return f'<time datetime="{escape(stamp)}" title="{escape(stamp)}">{max(0, age) // size} {unit} ago</time>'


def _dials(state: State) -> str:
    rows = []
    for dial in state.faults.in_force():
        said = {name: value for name, value in dial.items() if name not in ("id", "vendor", "taken", "left")}
        left = dial.get("left", "no end")
        clear = f'<form method="post" action="/_faults/{int(dial["id"])}/clear"><button>Clear</button></form>'
        text = f"<code>{escape(json.dumps(said, ensure_ascii=False))}</code>"
        rows.append([_cell(dial.get("vendor", "*")), text, _cell(dial["taken"]), _cell(left), clear])
    vendors = [("*", "every vendor"), *((vendor.key, vendor.name) for vendor in state.vendors.values())]
    form = (
        '<form method="post" action="/_faults">'
        + _select("Who", "vendor", vendors)
        + _select("does what", "preset", [(key, label) for key, (label, _) in PRESETS.items()])
        + '<label>for % of requests<input type="number" name="share" min="1" max="100" value="100"></label>'
        '<label>how many times<input type="number" name="count" min="1" placeholder="no end"></label>'
        "<button>Set the dial</button></form>"
    )
    columns = ("Vendor", "What goes wrong", "Requests taken", "Left", "")
    return _section("Dials in force", columns, rows) + form


def _select(label: str, name: str, options: list[tuple[str, str]]) -> str:
    inner = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options)
    return f'<label>{escape(label)}<select name="{escape(name)}">{inner}</select></label>'


def _requests(state: State) -> str:
    lines = state.requests()[::-1]
    rows = []
    for line in lines[:50]:
        status = line["status"] or line["outcome"]
        is_bad = not line["status"] or line["status"] >= 400
        mark = f'<span class="bad">{escape(str(status))}</span>' if is_bad else escape(str(status))
        rows.append([_when(line["at"]), escape(line["method"]), _cell(line["path"]), mark])
    shown = f"{len(rows)} of the last {len(lines):,}" if len(lines) > len(rows) else str(len(rows))
    return _section(f"Requests ({shown})", ("When", "Method", "Path", "Answer"), rows)


def _reset() -> str:
    return (
        "<section><h2>Start over</h2><details><summary>Clear everything and fill it again</summary>"
        "<p>All contacts, leads and dials here are lost; the example orders and products come back.</p>"
        '<form method="post" action="/_reset"><button>Clear everything</button></form></details></section>'
    )
