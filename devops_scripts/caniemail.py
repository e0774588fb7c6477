"""Reduce caniemail's data to what lint asks of it: the newest verdict of each client.

usage: npm pack caniemail@2.0.2 && tar xf caniemail-*.tgz
       python devops_scripts/caniemail.py package/data/caniemail.json > msa/lint/data/caniemail.json

A verdict is one letter (y: supported, a: in part, n: not, u or -: unknown) and the numbers of the
notes on the feature's page, in the order of `clients`.
"""

import json
import sys
from pathlib import Path
from typing import Any


def reduced(data: dict[str, Any]) -> dict[str, Any]:
    """Return the date of the data, the names of the clients, and the verdicts on each feature."""
    features = sorted(data["data"], key=lambda feature: feature["slug"])
    clients = sorted(
        {
            f"{family}.{platform}"
            for feature in features
            for family, platforms in feature["stats"].items()
            for platform in platforms
        }
    )
    return {
        "date": data["last_update_date"].split()[0],
        "families": data["nicenames"]["family"],
        "platforms": data["nicenames"]["platform"],
        "clients": clients,
        "features": {
            feature["slug"]: [
                feature["title"],
                " ".join(_newest(feature["stats"], client) for client in clients),
            ]
            for feature in features
        },
    }


def _newest(stats: dict[str, Any], client: str) -> str:
    family, _, platform = client.partition(".")
    versions = stats.get(family, {}).get(platform, {})
    # caniemail lists versions from the oldest to the newest; their names don't sort.
    newest: str = list(versions.values())[-1] if versions else "-"
    letter, *notes = newest.split()
    return letter + ",".join(note.lstrip("#") for note in notes)


if __name__ == "__main__":
    made = reduced(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    heads = {key: value for key, value in made.items() if key != "features"}
    rows = (f"{json.dumps(slug)}: {json.dumps(row)}" for slug, row in made["features"].items())
    opening = json.dumps(heads, ensure_ascii=False)[:-1]
    print(f'{opening}, "features": {{\n' + ",\n".join(rows) + "\n}}")  # noqa: T201 - it prints
