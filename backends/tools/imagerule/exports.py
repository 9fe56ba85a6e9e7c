"""The exports file of a library.

    # comment
    ENTRY_NAME ARGUMENT_COUNT [vector] [by FUNCTION]

An entry point and the number of its parameters. `vector`: some of them or the result are floating-point values. `by
FUNCTION`: that function implements it; without, the one of the same name. Besides, the manifest, each line at most
once, with these defaults:

    library NAME           the file's name without its suffix
    init FUNCTION          none
    teardown FUNCTION      none
    heap SIZE              16M
    stack SIZE             64K
    budget TIME            10ms
    share none | owner | any | UID...    none

SIZE is a decimal number of bytes with an optional suffix K, M or G (powers of 1024), rounded up to whole pages. TIME is a
decimal number with the unit us, ms or s: the CPU time that one call may take.
"""

import os
import re

from . import Refusal

ARGUMENTS_MAX = 6
ENTRIES_MAX = 1024
ENTRY_NAME_MAX = 255
LIBRARY_NAME_MAX = 31
PAGE_SIZE = 4096
HEAP_MAX = 63 << 30
STACK_MAX = 511 * PAGE_SIZE
SHARE_USERS_MAX = 8

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
LIBRARY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
NUMBER = re.compile(r"[0-9]{1,10}\Z")
TIMES = {"us": 1000, "ms": 10**6, "s": 10**9}  # nanoseconds
BUDGET_MAX = 1000 * 10**9
SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30}


class Entry:
    def __init__(self, name, argument_count, vector, function, where):
        self.name = name
        self.argument_count = argument_count
        self.vector = vector
        self.function = function
        self.where = where  # FILE:LINE


class Exports:
    def __init__(self, path):
        self.path = path
        self.library = os.path.splitext(os.path.basename(path))[0]
        self.entries = []
        self.init = None
        self.teardown = None
        self.heap = 16 << 20
        self.stack = 64 << 10
        self.budget = 0  # nanoseconds; 0: the kernel's default
        self.share = "none"  # or "owner", "any", or a list of user ids
        self.places = {}  # function named by init or teardown: FILE:LINE

    def interface(self):
        """A number that differs, for practical purposes, between interfaces: 64-bit FNV-1a."""
        lines = [f"library {self.library}\n"]
        lines += [f"{entry.name} {entry.argument_count}\n" for entry in self.entries]
        value = 0xCBF29CE484222325
        for byte in "".join(lines).encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
        return value


def read(path):
    """The Exports in the file at `path`; a Refusal names file and line."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: {getattr(error, 'strerror', None) or 'not a text file'}") from None
    exports = Exports(path)
    seen = {}
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        where = f"{path}:{number}"
        if words[0] in seen:
            raise Refusal(f"{where}: \"{words[0]}\" is there already, in line {seen[words[0]]}")
        seen[words[0]] = number
        if words[0] in MANIFEST:
            MANIFEST[words[0]](exports, words[1:], where)
        else:
            exports.entries.append(read_entry(words, where))
    if not exports.entries:
        raise Refusal(f"{path}: there is no entry point")
    if len(exports.entries) > ENTRIES_MAX:
        raise Refusal(f"{path}: {len(exports.entries)} entry points are more than {ENTRIES_MAX}")
    check_library_name(exports.library, path)
    return exports


def read_entry(words, where):
    name = identifier(words[0], where)
    if len(name) > ENTRY_NAME_MAX:
        raise Refusal(f"{where}: the name is longer than {ENTRY_NAME_MAX} characters")
    if len(words) < 2 or not NUMBER.match(words[1]):
        raise Refusal(f"{where}: \"{name}\" needs a number of arguments")
    argument_count = int(words[1])
    if argument_count > ARGUMENTS_MAX:
        raise Refusal(f"{where}: \"{name}\" takes {argument_count} arguments; an entry point takes at most "
                      f"{ARGUMENTS_MAX}")
    rest = words[2:]
    vector = rest[:1] == ["vector"]
    if vector:
        rest = rest[1:]
    function = name
    if rest[:1] == ["by"] and len(rest) > 1:
        function = identifier(rest[1], where)
        rest = rest[2:]
    if rest:
        raise Refusal(f"{where}: \"{' '.join(rest)}\" is neither \"vector\" nor \"by FUNCTION\"")
    return Entry(name, argument_count, vector, function, where)


def identifier(word, where):
    if not IDENTIFIER.match(word):
        raise Refusal(f"{where}: \"{word}\" is not a C identifier")
    return word


def check_library_name(name, where):
    if not LIBRARY_NAME.match(name) or len(name) > LIBRARY_NAME_MAX:
        raise Refusal(f"{where}: \"{name}\" is not a library name: 1 to {LIBRARY_NAME_MAX} letters, digits and _ . + -")


def only(words, where, what):
    if len(words) != 1:
        raise Refusal(f"{where}: there must be {what} here, and nothing else")
    return words[0]


def size(words, where, most):
    word = only(words, where, "a size")
    match = re.match(r"([0-9]{1,18})([KMG]?)\Z", word)
    if not match:
        raise Refusal(f"{where}: \"{word}\" is not a size: a number with an optional K, M or G")
    value = int(match[1]) << SUFFIXES[match[2]]
    pages = -(-value // PAGE_SIZE)
    if pages == 0 or pages * PAGE_SIZE > most:
        raise Refusal(f"{where}: {word} is not between 1 byte and {most >> 10}K")
    return pages * PAGE_SIZE


def manifest_library(exports, words, where):
    exports.library = only(words, where, "a name")
    check_library_name(exports.library, where)


def manifest_init(exports, words, where):
    exports.init = identifier(only(words, where, "a function"), where)
    exports.places[exports.init] = where


def manifest_teardown(exports, words, where):
    exports.teardown = identifier(only(words, where, "a function"), where)
    exports.places[exports.teardown] = where


def manifest_heap(exports, words, where):
    exports.heap = size(words, where, HEAP_MAX)


def manifest_stack(exports, words, where):
    exports.stack = size(words, where, STACK_MAX)


def manifest_budget(exports, words, where):
    word = only(words, where, "a time")
    match = re.match(r"([0-9]{1,12})(us|ms|s)\Z", word)
    if not match:
        raise Refusal(f"{where}: \"{word}\" is not a time: a number with the unit us, ms or s")
    exports.budget = int(match[1]) * TIMES[match[2]]
    if not 0 < exports.budget <= BUDGET_MAX:
        raise Refusal(f"{where}: {word} is not between 1us and 1000s")


def manifest_share(exports, words, where):
    if words in (["none"], ["owner"], ["any"]):
        exports.share = words[0]
    elif words and all(NUMBER.match(word) and int(word) < 2**32 for word in words):
        if len(words) > SHARE_USERS_MAX:
            raise Refusal(f"{where}: there are more than {SHARE_USERS_MAX} users")
        exports.share = [int(word) for word in words]
    else:
        raise Refusal(f"{where}: share is followed by none, owner, any, or user ids")


MANIFEST = {
    "library": manifest_library,
    "init": manifest_init,
    "teardown": manifest_teardown,
    "heap": manifest_heap,
    "stack": manifest_stack,
    "budget": manifest_budget,
    "share": manifest_share,
}
