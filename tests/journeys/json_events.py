"""docs/json.md read as what it is, an interface: which events there are, which keys they have, of which type."""

import json
import pathlib
import re

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "json.md"

_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
          "null": type(None), "any": object}


class Key:
    def __init__(self, words):
        self.optional = words.endswith("?")
        self.types = [word.strip() for word in words.rstrip("?").split("or")]
        unknown = [word for word in self.types if word not in _TYPES]
        if unknown:
            raise ValueError(f"{DOCUMENT}: there is no type {unknown}")

    def takes(self, value):
        if isinstance(value, bool):
            return "boolean" in self.types or "any" in self.types
        return any(isinstance(value, _TYPES[name]) for name in self.types if name != "boolean")


def read_document():
    """({event: {key: Key}}, {verb: [event]}) of the document's sections and tables."""
    events, verbs, now = {}, {}, None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"### `([a-z-]+)`", line):
            now = events.setdefault(match.group(1), {})
        elif line.startswith("## "):
            now = None
        elif match := re.fullmatch(r"\| `([a-z_0-9]+)` \| ([a-z ]+\??) \| .* \|", line):
            if now is not None:
                now[match.group(1)] = Key(match.group(2))
        elif match := re.fullmatch(r"\| `([a-z-]+)` \| ((?:`[a-z-]+`(?:, )?)+) \|", line):
            verbs[match.group(1)] = re.findall(r"`([a-z-]+)`", match.group(2))
    return events, verbs


EVENTS, VERBS = read_document()
EVERYWHERE = ("error", "summary", "log", "progress", "note")


def faults(arguments, status, text):
    """What in TEXT, the standard output of a run with --json that ended by itself, is not as documented; a list of
    sentences."""
    found, names = [], []
    verb = next((word for word in map(str, arguments) if word in VERBS), None)
    for number, line in enumerate(text.splitlines(), 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            found.append(f"line {number} is no JSON: {error}: {line[:200]}")
            continue
        name = event.pop("event", None) if isinstance(event, dict) else None
        names.append(name)
        if name not in EVENTS:
            found.append(f"line {number}: there is no event {name!r}: {line[:200]}")
            continue
        if verb and name not in VERBS[verb] and name not in EVERYWHERE:
            found.append(f"line {number}: '{verb}' is not documented to tell {name!r}")
        keys = EVENTS[name]
        if not keys:  # described by another page
            continue
        found += [f"line {number}: {name} has no key {key!r}: {line[:200]}" for key in event if key not in keys]
        found += [f"line {number}: {name} lacks {key!r}: {line[:200]}" for key, what in keys.items()
                  if key not in event and not what.optional]
        found += [f"line {number}: {name}.{key} is {value!r}" for key, value in event.items()
                  if key in keys and not keys[key].takes(value)]
    if names[-1:] != ["summary"] or names.count("summary") != 1:
        found.append(f"the events do not end in one summary: {names[-5:]}")
    elif json.loads(text.splitlines()[-1]).get("exit") != status:
        found.append(f"the summary's exit is not {status}: {text.splitlines()[-1]}")
    return found
