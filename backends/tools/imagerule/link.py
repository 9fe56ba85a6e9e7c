"""Linking an image, and what the linker's refusals mean."""

import os
import re
import subprocess

from . import Refusal, elf, generate

LINKER_OPTIONS = [
    "-shared", "-Bsymbolic", "-z", "noexecstack", "-z", "separate-code", "-z", "max-page-size=4096", "-z", "norelro",
    "-z", "text", "--no-undefined", "--gc-sections", "--eh-frame-hdr", "--hash-style=gnu", "--build-id=none", "-e",
    generate.DESCRIPTOR_SYMBOL,
]
VERSION_SCRIPT = "{ global: " + generate.DESCRIPTOR_SYMBOL + "; local: *; };\n"
TLS_FUNCTION = "__tls_get_addr"


def run(command):
    """Runs a tool; (its exit status, everything it printed)."""
    environment = dict(os.environ, LC_ALL="C")
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False)
    except OSError as error:
        raise Refusal(f"cannot run {command[0]}: {error.strerror}") from None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def tool(command):
    status, output = run(command)
    if status:
        raise Refusal(f"{command[0]} failed: {output.strip()}")
    return output


def link(exports, inputs, runtime, options, work):
    """The unstripped image in the directory `work`, from `inputs` (paths) and the archive `runtime`: its path, and what ld said."""
    paths = {part: os.path.join(work, part) for part in ("descriptor.S", "descriptor.o", "script", "linked")}
    with open(paths["descriptor.S"], "w", encoding="ascii") as file:
        file.write(generate.descriptor(exports))
    with open(paths["script"], "w", encoding="ascii") as file:
        file.write(VERSION_SCRIPT)
    tool(["as", "-o", paths["descriptor.o"], paths["descriptor.S"]])
    status, output = run(["ld", *LINKER_OPTIONS, *options, f"--version-script={paths['script']}", "-o", paths["linked"],
                          paths["descriptor.o"], "--start-group", *inputs, runtime, "--end-group"])
    if status:
        raise Refusal(explain(output, exports, inputs))
    return paths["linked"], output.splitlines()


def explain(output, exports, inputs):
    """The sentence for what `ld` printed when it failed."""
    undefined = re.search(r"undefined reference to `([^']+)'", output)
    if undefined:
        return explain_undefined(undefined[1], exports, inputs)
    duplicate = re.search(r"multiple definition of `([^']+)'", output)
    if duplicate:
        return f"\"{duplicate[1]}\" is defined twice: {users(inputs, duplicate[1], defined=True)}"
    position = re.search(r"ld: (\S+?): (?:warning: )?relocation (\S+) against .*can not be used when making a shared object",
                         output)
    if position:
        return f"{position[1]}: was compiled without -fPIC"
    return f"ld failed: {output.strip()}"


def explain_undefined(name, exports, inputs):
    for entry in exports.entries:
        if entry.function == name:
            return f"{entry.where}: no object defines the function \"{name}\""
    if name in exports.places:
        return f"{exports.places[name]}: no object defines the function \"{name}\""
    where = users(inputs, name, defined=False)
    if name == TLS_FUNCTION or is_thread_local(inputs, name):
        return f"{where}: uses thread-local storage, which a library that many threads and processes share cannot have"
    return f"{where}: uses \"{name}\", which no object of the library defines"


def users(inputs, name, defined):
    """The objects, as a list for a sentence, that define or that only use a symbol."""
    found = [one.name for path in inputs for one in elf.read_objects(path)
             if any(symbol.name == name and symbol.is_defined == defined and not symbol.is_local
                    for symbol in one.symbols)]
    return ", ".join(found) or "the library"


def is_thread_local(inputs, name):
    return any(symbol.name == name and symbol.type == elf.STT_TLS
               for path in inputs for one in elf.read_objects(path) for symbol in one.symbols)
