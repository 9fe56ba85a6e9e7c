"""TOML files that people write: each key is known and of its type, or the file is refused with line and nearest key."""

import difflib
import re
import tomllib

from . import Refusal

TYPES = {str: "text in quotes", int: "a whole number", float: "a number", list: "a list", dict: "a table", bool: "true or false"}


def nearest(word, known):
    """A hint for somebody who wrote `word`."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"


def line_of(text, key, section=""):
    """Where `key` stands in the text, in the table `section` where that is given; 1 if it cannot be found."""
    inside = not section
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            inside = not section or header[1].startswith(section)
            if re.match(rf"([\w\"'-]+\.)*[\"']?{re.escape(key)}[\"']?$", header[1]):
                return number
        elif inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return 1


class SettingsFile:
    """A parsed file, which knows where its keys stand."""

    def __init__(self, path):
        self.path = path
        try:
            self.text = path.read_text()
            self.table = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Refusal(f"{path}: {error}") from None
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror}") from None

    def refuse(self, key, why, section=""):
        raise Refusal(f"{self.path}:{line_of(self.text, key, section)}: {why}")

    def check(self, table, types, required=(), section=""):
        """Refuses a key that `types` does not have, one of another type, and the lack of a required one."""
        for key, value in table.items():
            if key not in types:
                self.refuse(key, f"unknown key {key!r}; {nearest(key, types)}", section)
            wanted = types[key] if isinstance(types[key], tuple) else (types[key],)
            if not isinstance(value, wanted) or isinstance(value, bool) and bool not in wanted:
                self.refuse(key, f"{key} must be {' or '.join(TYPES[one] for one in wanted)}, not {value!r}", section)
        for key in required:
            if key not in table:
                where = f" in [{section}]" if section else ""
                raise Refusal(f"{self.path}: key {key!r} is missing{where}")
