"""What a linked image must not have, and what its loader has to guard."""

import re

from . import Refusal, dwarf, elf, link

# The one function of the library runtime that reads a segment base (backends/library/client.c).
SEGMENT_BASE_FUNCTION = "portcullis_thread_page_slot"
SEGMENT_BASE_USE = re.compile(r"%[fg]s\b|\b(?:rd|wr)[fg]sbase\b|\bswapgs\b|\bl[fg]s\b")

VECTOR_SIZES = (4, 8)  # float and double; a long double travels in x87 registers


def check(image, exports, inputs):
    """Refuses the linked image with a sentence, or returns the lines to print."""
    check_executable_stack(inputs)
    check_segments(image)
    check_relocations(image)
    check_exports(image, exports)
    check_segment_bases(image)
    return check_arguments(image, exports) + stray_instructions(image, exports)


def check_executable_stack(inputs):
    for path in inputs:
        for one in elf.read_objects(path):
            for section in one.sections:
                if section.name == ".note.GNU-stack" and section.flags & elf.SHF_EXECINSTR:
                    raise Refusal(f"{one.name}: asks for an executable stack")


def check_segments(image):
    for segment in image.segments:
        if segment.type == elf.PT_TLS:
            names = [symbol.name for symbol in image.symbols if symbol.type == elf.STT_TLS and symbol.name]
            raise Refusal(f"{', '.join(names) or 'the library'}: thread-local storage, which a library that many threads "
                          "and processes share cannot have")
        if segment.type == elf.PT_LOAD and segment.flags & elf.PF_W and segment.flags & elf.PF_X:
            sections = [section.name for section in image.sections if section.flags & elf.SHF_ALLOC and
                        segment.address <= section.address < segment.address + segment.memory_size]
            raise Refusal(f"{', '.join(sections)}: a writable segment is executable")
    for tag, _ in image.dynamic():
        if tag in (elf.DT_INIT, elf.DT_FINI, elf.DT_INIT_ARRAY, elf.DT_FINI_ARRAY, elf.DT_PREINIT_ARRAY):
            raise Refusal("the library has constructors or destructors, which nobody would call: use \"init\" in the "
                          "exports file")
        if tag == elf.DT_NEEDED:
            raise Refusal("the library needs another shared object")


def check_relocations(image):
    for offset, kind in image.dynamic_relocations():
        if kind != elf.R_X86_64_RELATIVE:
            raise Refusal(f"a relocation of type {kind} at {offset:#x} in the image needs a dynamic linker; only RELATIVE "
                          "ones do not")


def check_exports(image, exports):
    functions = {entry.function: entry.where for entry in exports.entries}
    functions.update(exports.places)
    types = {symbol.name: symbol.type for symbol in image.symbols if symbol.is_defined}
    for name, where in functions.items():
        if types.get(name) not in (elf.STT_FUNC, elf.STT_NOTYPE):
            raise Refusal(f"{where}: \"{name}\" is not a function")


def check_segment_bases(image):
    """Looks at the disassembly: a library that uses FS or GS would use the application's data."""
    function = "the library"
    for line in link.tool(["objdump", "-d", "--no-show-raw-insn", image.name]).splitlines():
        label = re.match(r"[0-9a-f]+ <(.+)>:", line)
        if label:
            function = label[1]
            continue
        instruction = line.partition("\t")[2].split("#")[0]
        if SEGMENT_BASE_USE.search(instruction) and function != SEGMENT_BASE_FUNCTION:
            hint = "; compile it with -fno-stack-protector" if "%fs:0x28" in instruction else ""
            raise Refusal(f"{function}: uses the segment base of FS or GS (\"{' '.join(instruction.split())}\"){hint}")


def check_arguments(image, exports):
    names = {entry.function for entry in exports.entries}
    information = dwarf.read(image, names)
    unknown = 0
    for entry in exports.entries:
        function = information.functions.get(entry.function) if information else None
        if function:
            check_function(information, function, entry)
        else:
            unknown += 1
    if not unknown:
        return []
    return [f"library {exports.library}: {unknown} of {len(exports.entries)} entry points have no debug information: "
            "their arguments were not checked"]


def check_function(information, function, entry):
    def refuse(why):
        raise Refusal(f"{entry.where}: \"{entry.function}\" {why}")

    count = len(function.parameters)
    if function.is_variadic:
        refuse("takes a variable number of arguments, which a gate cannot pass")
    if count != entry.argument_count:
        refuse(f"takes {count} arguments, not {entry.argument_count}")
    uses_vector = False
    for number, parameter in enumerate(function.parameters, 1):
        kind = information.resolve(parameter)
        if is_function_pointer(information, kind):
            refuse(f"takes a function pointer as argument {number}: the library would call it with its own rights; give "
                   "it another entry point with \"by\"")
        uses_vector |= passing(kind, lambda why, number=number: refuse(f"takes {why} as argument {number}")) == "vector"
    uses_vector |= passing(information.resolve(function.result), lambda why: refuse(f"returns {why}")) == "vector"
    if uses_vector and not entry.vector:
        refuse("passes a floating-point value: say so with \"vector\"")


def is_function_pointer(information, kind):
    """Also through pointers to pointers, by which a table of functions could come."""
    while kind and kind[0] == dwarf.TAG_POINTER:
        kind = information.resolve(kind[1])
    return kind is not None and kind[0] == dwarf.TAG_SUBROUTINE


def passing(kind, refuse):
    """How a value travels: in a "general" or a "vector" register; anything else is refused."""
    if kind is None:
        return "general"
    tag, _, size, encoding = kind
    if tag in (dwarf.TAG_STRUCTURE, dwarf.TAG_UNION, dwarf.TAG_CLASS):
        refuse("a structure by value")
    if tag == dwarf.TAG_BASE and encoding == dwarf.ENCODING_FLOAT and size in VECTOR_SIZES:
        return "vector"
    if tag == dwarf.TAG_BASE and (size > 8 or encoding in (dwarf.ENCODING_FLOAT, dwarf.ENCODING_COMPLEX_FLOAT)):
        refuse("a value that does not fit one register")
    return "general"


def stray_instructions(image, exports):
    """A line for each byte sequence that decodes as an instruction which changes rights, at any alignment."""
    lines = []
    for segment in image.segments:
        if segment.type != elf.PT_LOAD or not segment.flags & elf.PF_X:
            continue
        text = image.data[segment.offset:segment.offset + segment.file_size]
        for offset, name in sorted(find_stray(text)):
            address = segment.address + offset
            lines.append(f"library {exports.library}: the bytes of {name} occur at {address:#x}, in "
                         f"{image.function_at(address)}: the loader will guard them")
    return lines


def find_stray(text):
    """(offset, name) of what SDM vol. 2 encodes as WRPKRU, VMFUNC, XRSTOR or XRSTORS, by its 0F byte."""
    patterns = ((rb"\x0f\x01\xef", "WRPKRU"), (rb"\x0f\x01\xd4", "VMFUNC"),
                (rb"\x0f\xae[\x28-\x2f\x68-\x6f\xa8-\xaf]", "XRSTOR"), (rb"\x0f\xc7[\x18-\x1f\x58-\x5f\x98-\x9f]", "XRSTORS"))
    for pattern, name in patterns:
        for match in re.finditer(b"(?=" + pattern + b")", text, re.DOTALL):
            yield match.start(), name
