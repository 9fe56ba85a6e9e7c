"""The assembly that the rule writes: an image's descriptor, and the stubs of an application.

The layouts are those of backends/include/portcullis/image.h and stubs.h.
"""

import re

IMAGE_MAGIC, IMAGE_VERSION, IMAGE_NAME_SIZE = 0x4D494350, 2, 32
FIXED_SIZE, ENTRY_SIZE = 160, 16
SHARE = {"none": 0, "owner": 1, "any": 2}
SHARE_USERS, SHARE_USERS_MAX = 3, 8
ENTRY_VECTOR = 1

DESCRIPTOR_SYMBOL = "portcullis_image"


def descriptor(exports):
    names_at = FIXED_SIZE + ENTRY_SIZE * len(exports.entries)
    users = exports.share if isinstance(exports.share, list) else []
    share = SHARE_USERS if users else SHARE[exports.share]
    name = exports.library
    size = names_at + sum(len(entry.name) + 1 for entry in exports.entries)

    def distance(function):
        return f"{function} - {DESCRIPTOR_SYMBOL}" if function else "0"

    lines = [
        f"/* Descriptor of library {name}, generated from its exports file. */",
        f"\t.globl\t{DESCRIPTOR_SYMBOL}",
        "\t.section .rodata.portcullis_image, \"a\", @progbits",
        "\t.balign\t8",
        f"\t.type\t{DESCRIPTOR_SYMBOL}, @object",
        f"{DESCRIPTOR_SYMBOL}:",
        f"\t.long\t{IMAGE_MAGIC:#x}, {IMAGE_VERSION}, {size}, {len(exports.entries)}",
        f"\t.quad\t{exports.interface():#x}",
        f"\t.ascii\t\"{name}\"",
        f"\t.zero\t{IMAGE_NAME_SIZE - len(name)}",
        f"\t.long\t{share}, {len(users)}",
        f"\t.long\t{', '.join(str(user) for user in users + [0] * (SHARE_USERS_MAX - len(users)))}",
        f"\t.quad\t{exports.heap}, {exports.stack}, {exports.budget}",
        f"\t.quad\t{distance(exports.init)}, {distance(exports.teardown)}",
        "\t.quad\t" + ", ".join(distance(f"portcullis_copy_{end}") for end in ("start", "end", "fixup")),
    ]
    for entry in exports.entries:
        flags = ENTRY_VECTOR if entry.vector else 0
        lines += [f"\t.quad\t{distance(entry.function)}",
                  f"\t.short\t{entry.argument_count}, {flags}",
                  f"\t.long\t{names_at}"]
        names_at += len(entry.name) + 1
    lines += [f"\t.asciz\t\"{entry.name}\"" for entry in exports.entries]
    lines += [f"\t.size\t{DESCRIPTOR_SYMBOL}, {size}", "\t.section .note.GNU-stack, \"\", @progbits", ""]
    return "\n".join(lines)


def stubs(exports):
    mark = "portcullis_" + re.sub("[^A-Za-z0-9_]", "_", exports.library)
    lines = [
        f"/* Stubs of library {exports.library}, generated from its exports file: link them in place of the library. */",
        "\t.text",
    ]
    for index, entry in enumerate(exports.entries):
        lines += [f"\t.globl\t{entry.name}",
                  f"\t.type\t{entry.name}, @function",
                  "\t.balign\t16",
                  f"{entry.name}:",
                  f"\tjmp\t*{mark}_slots+{8 * index}(%rip)",
                  f"\t.size\t{entry.name}, . - {entry.name}"]
    lines += [
        f"{mark}_detached:",
        f"\tlea\t{mark}_stubs(%rip), %rdi",
        "\tand\t$-16, %rsp\t# the stub was entered by a call, or by anything: portcullis_not_attached() does not return",
        "\tcall\tportcullis_not_attached",
        "\t.section .data.portcullis_slots, \"aw\", @progbits",
        "\t.balign\t64",
        f"{mark}_slots:",
        f"\t.rept\t{len(exports.entries)}",
        f"\t.quad\t{mark}_detached",
        "\t.endr",
        "\t.section .rodata.portcullis_name, \"a\", @progbits",
        f"{mark}_name:",
        f"\t.asciz\t\"{exports.library}\"",
        "\t.section portcullis_stubs, \"aw\", @progbits",
        "\t.balign\t8",
        f"{mark}_stubs:",
        f"\t.quad\t{mark}_name, {exports.interface():#x}, {mark}_slots",
        f"\t.long\t{len(exports.entries)}, -1",
        f"\t.quad\t{mark}_detached",
        "\t.section .note.GNU-stack, \"\", @progbits",
        "",
    ]
    return "\n".join(lines)
