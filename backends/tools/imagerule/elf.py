"""Reading ELF64 files and ar archives, as far as the image rule needs them (System V ABI, chapter 4 and 5)."""

import struct
import zlib

from . import Refusal

PT_LOAD, PT_DYNAMIC, PT_TLS = 1, 2, 7
PF_X, PF_W = 1, 2
SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 2, 4, 0x800
SHN_UNDEF = 0
SEGMENT_SIZE, SECTION_SIZE, SYMBOL_SIZE = 56, 64, 24
STT_NOTYPE, STT_FUNC, STT_TLS = 0, 2, 6
DT_NULL, DT_NEEDED, DT_INIT, DT_FINI = 0, 1, 12, 13
DT_INIT_ARRAY, DT_FINI_ARRAY, DT_PREINIT_ARRAY = 25, 26, 32
R_X86_64_RELATIVE = 8


class Section:
    def __init__(self, fields):
        (self.name_offset, self.type, self.flags, self.address, self.offset, self.size, self.link, self.info,
         self.alignment, self.entry_size) = fields
        self.name = ""


class Segment:
    def __init__(self, fields):
        (self.type, self.flags, self.offset, self.address, _, self.file_size, self.memory_size,
         self.alignment) = fields


class Symbol:
    def __init__(self, name, info, section, value, size):
        self.name = name
        self.type = info & 15
        self.is_local = info >> 4 == 0
        self.is_defined = section != SHN_UNDEF
        self.value = value
        self.size = size


class Elf:
    """One ELF64 file; `name` is what messages call it."""

    def __init__(self, data, name):
        self.data = data
        self.name = name
        if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
            raise Refusal(f"{name}: not an ELF file for x86-64")
        (self.type, self.machine, _, self.entry, segments, sections, _, _, segment_size, segment_count, section_size,
         section_count, names) = struct.unpack_from("<HHIQQQIHHHHHH", data, 16)
        if self.machine != 62:
            raise Refusal(f"{name}: not an ELF file for x86-64")
        if (segment_count and segment_size != SEGMENT_SIZE) or (sections and section_size != SECTION_SIZE):
            raise Refusal(f"{name}: a damaged ELF file")
        try:
            self.segments = [
                Segment(struct.unpack_from("<IIQQQQQQ", data, segments + i * SEGMENT_SIZE))
                for i in range(segment_count)
            ]
            self.sections = self.read_sections(sections, section_count, names)
            self.symbols = self.read_symbols()
        except (struct.error, IndexError, ValueError, OverflowError):
            raise Refusal(f"{name}: a damaged ELF file") from None

    def read_sections(self, offset, count, names):
        if offset == 0:
            return []
        fields = "<IIQQQQIIQQ"
        first = Section(struct.unpack_from(fields, self.data, offset))
        count = count or first.size  # more sections than the header can say: the first section says
        names = first.link if names == 0xFFFF else names
        sections = [Section(struct.unpack_from(fields, self.data, offset + i * SECTION_SIZE)) for i in range(count)]
        for section in sections:
            section.name = self.string(sections[names], section.name_offset)
        return sections

    def read_symbols(self):
        symbols = []
        for table in self.sections:
            if table.type != SHT_SYMTAB:
                continue
            for i in range(1, table.size // SYMBOL_SIZE):
                name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", self.data, table.offset + SYMBOL_SIZE * i)
                symbols.append(Symbol(self.string(self.sections[table.link], name), info, section, value, size))
        return symbols

    def string(self, table, offset):
        start = table.offset + offset
        return self.data[start:self.data.index(b"\0", start)].decode("utf-8", "replace")

    def section(self, name):
        """Its contents, uncompressed; empty when there is none."""
        for section in self.sections:
            if section.name == name and section.type != SHT_NOBITS:
                contents = self.data[section.offset:section.offset + section.size]
                try:
                    return zlib.decompress(contents[24:]) if section.flags & SHF_COMPRESSED else contents
                except zlib.error:
                    raise Refusal(f"{self.name}: a damaged ELF file") from None
        return b""

    def dynamic(self):
        """The (tag, value) pairs of the dynamic segment."""
        for segment in self.segments:
            if segment.type != PT_DYNAMIC:
                continue
            for i in range(segment.file_size // 16):
                tag, value = struct.unpack_from("<QQ", self.data, segment.offset + 16 * i)
                if tag == DT_NULL:
                    return
                yield tag, value

    def dynamic_relocations(self):
        """The (offset, type) of each relocation that a loader would have to make."""
        for section in self.sections:
            if section.type == SHT_RELA and section.flags & SHF_ALLOC:
                for i in range(section.size // 24):
                    offset, info = struct.unpack_from("<QQ", self.data, section.offset + 24 * i)
                    yield offset, info & 0xFFFFFFFF

    def function_at(self, address):
        """Name of the function that holds `address`, or an address."""
        for symbol in self.symbols:
            if symbol.type == STT_FUNC and symbol.value <= address < symbol.value + symbol.size:
                return symbol.name
        return f"{address:#x}"


def read_objects(path):
    """The Elf objects of an object file or an archive. Archive members are called ARCHIVE(MEMBER), as ld does."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    if data[:8] == b"!<thin>\n":
        raise Refusal(f"{path}: a thin archive; make it a full one")
    if data[:8] != b"!<arch>\n":
        return [Elf(data, path)]
    try:
        members = list(archive_members(data))
    except (ValueError, IndexError):
        raise Refusal(f"{path}: a damaged archive") from None
    return [Elf(contents, f"{path}({name})") for name, contents in members]


def archive_members(data):
    """(name, contents) of each file of a GNU ar archive, its index left out."""
    position, long_names = 8, b""
    while position + 60 <= len(data):
        header = data[position:position + 60]
        name, size = header[:16].decode("ascii", "replace").rstrip(), int(header[48:58])
        contents = data[position + 60:position + 60 + size]
        position += 60 + size + size % 2
        if name == "//":
            long_names = contents
        elif name in ("/", "/SYM64/"):
            continue
        elif name.startswith("/"):
            start = int(name[1:])
            yield long_names[start:long_names.index(b"/", start)].decode("utf-8", "replace"), contents
        else:
            yield name.rstrip("/"), contents
