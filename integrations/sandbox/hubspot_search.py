"""HubSpot's contact search: filters turned into SQL, pages of what they find."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.hubspot_contacts import COLUMNS, DEFAULT_PROPERTIES, normal, shown
from integrations.sandbox.hubspot_input import RefusedError, number
from integrations.sandbox.hubspot_properties import PROPERTIES
from integrations.sandbox.store import Store

# What a free-text query looks through.
SEARCHED = " || ' ' || ".join(
    f"coalesce({name}, '')" for name in ("email", "firstname", "lastname", "phone", "company")
)
SEARCH_OPERATORS = {
    "EQ": "{column} = ? COLLATE NOCASE",
    "NEQ": "coalesce({column}, '') <> ? COLLATE NOCASE",
    "LT": "{column} < ?",
    "LTE": "{column} <= ?",
    "GT": "{column} > ?",
    "GTE": "{column} >= ?",
    "CONTAINS_TOKEN": "instr(lower({column}), lower(?)) > 0",
    "NOT_CONTAINS_TOKEN": "instr(lower(coalesce({column}, '')), lower(?)) = 0",
}


def _condition(filters: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """One filter group as SQL; a list goes in as JSON. Raises: ValueError in HubSpot's words."""
    terms, values = [], []
    for item in filters:
        name, operator = str(item.get("propertyName", "")), item.get("operator")
        if name not in PROPERTIES:
            raise ValueError(f"There was a problem with the request. Property {name} does not exist")
        column = _column(name)
        if operator in SEARCH_OPERATORS and isinstance(item.get("value"), str):
            terms.append(SEARCH_OPERATORS[operator].format(column=column))
            # An e-mail is kept in lower case: compared exactly, the index serves.
            if name == "email" and operator == "EQ":
                terms[-1] = f"{column} = ?"
            values.append(normal(name, item["value"]))
        elif operator in ("IN", "NOT_IN") and isinstance(item.get("values"), list):
            negation = "NOT " if operator == "NOT_IN" else ""
            terms.append(
                f"coalesce({column}, '') {negation}IN (SELECT value FROM json_each(?))"
                if negation
                else f"{column} IN (SELECT value FROM json_each(?))"
            )
            values.append(json.dumps([normal(name, str(value)) for value in item["values"]]))
        elif operator == "BETWEEN" and isinstance(item.get("value"), str) and isinstance(item.get("highValue"), str):
            terms.append(f"{column} BETWEEN ? AND ?")
            values += [item["value"], item["highValue"]]
        elif operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            terms.append(f"{column} IS {'NOT ' if operator == 'HAS_PROPERTY' else ''}NULL")
        else:
            raise ValueError(f"Invalid filter on property {name}: operator {operator} lacks what it compares with")
    return " AND ".join(terms) or "1", values


def _column(name: str) -> str:
    own = {"hs_object_id": "CAST(id AS TEXT)", "createdate": "created_at", "lastmodifieddate": "updated_at"}
    return own.get(name, name)


def search(store: Store, body: dict[str, Any], base_url: str) -> dict[str, Any]:
    """A page of contacts that fulfil all filters of any group, oldest first. Raises: RefusedError."""
    limit, after = number(body.get("limit", 10)), number(body.get("after", 0))
    if not 0 < limit <= 200:
        raise RefusedError(400, f"Invalid limit {limit}: it must be from 1 to 200")
    if after + limit > 10_000:
        raise RefusedError(400, "There was a problem with the request: paging ends after 10000 results")
    groups, query = body.get("filterGroups") or [], body.get("query")
    try:
        pairs = [_condition(group.get("filters", [])) for group in groups]
    except (ValueError, AttributeError, TypeError) as err:
        raise RefusedError(400, str(err)) from err
    where = " OR ".join(f"({sql})" for sql, _ in pairs) or "1"
    values: list[Any] = [value for _, group_values in pairs for value in group_values]
    if query:
        where, values = f"({where}) AND instr(lower({SEARCHED}), lower(?)) > 0", [*values, str(query)]
    total = store.rows(f"SELECT count(*) FROM hubspot_contacts WHERE {where}", values)[0][0]
    rows = store.rows(
        f"SELECT {COLUMNS} FROM hubspot_contacts WHERE {where} ORDER BY id LIMIT ? OFFSET ?",
        [*values, limit, after],
    )
    names = body.get("properties") or DEFAULT_PROPERTIES
    found: dict[str, Any] = {"total": total, "results": [shown(row, names) for row in rows]}
    if after + limit < total:
        link = f"{base_url}/crm/v3/objects/contacts?after={after + limit}"
        found["paging"] = {"next": {"after": str(after + limit), "link": link}}
    return found
