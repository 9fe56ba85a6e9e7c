"""Reading from debug information (DWARF 4 and 5) how functions take their arguments."""

import struct

TAG_FORMAL_PARAMETER = 0x05
TAG_POINTER, TAG_COMPILE_UNIT, TAG_STRUCTURE, TAG_SUBROUTINE, TAG_TYPEDEF = 0x0F, 0x11, 0x13, 0x15, 0x16
TAG_UNION, TAG_UNSPECIFIED_PARAMETERS, TAG_BASE = 0x17, 0x18, 0x24
TAG_CONST, TAG_SUBPROGRAM, TAG_VOLATILE, TAG_RESTRICT, TAG_CLASS, TAG_ATOMIC = 0x26, 0x2E, 0x35, 0x37, 0x02, 0x47
ALIASES = {TAG_TYPEDEF, TAG_CONST, TAG_VOLATILE, TAG_RESTRICT, TAG_ATOMIC}

AT_NAME, AT_BYTE_SIZE, AT_ENCODING, AT_EXTERNAL, AT_DECLARATION = 0x03, 0x0B, 0x3E, 0x3F, 0x3C
AT_TYPE, AT_STR_OFFSETS_BASE = 0x49, 0x72
WANTED = {AT_NAME, AT_BYTE_SIZE, AT_ENCODING, AT_EXTERNAL, AT_DECLARATION, AT_TYPE, AT_STR_OFFSETS_BASE}

ENCODING_COMPLEX_FLOAT, ENCODING_FLOAT = 3, 4

# Size in bytes of the forms that have a fixed one.
FIXED = {0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x1C: 4, 0x1E: 16,
         0x20: 8, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4}
OFFSETS = {0x0E, 0x10, 0x17, 0x1D, 0x1F, 0x1F20, 0x1F21}  # 4 bytes, or 8 in the 64-bit format
UNSIGNED = {0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23}  # ULEB128
BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}
FORM_ADDRESS, FORM_STRING, FORM_BLOCK, FORM_SIGNED, FORM_INDIRECT = 0x01, 0x08, 0x09, 0x0D, 0x16
FORM_EXPRESSION, FORM_PRESENT, FORM_CONSTANT = 0x18, 0x19, 0x21
FORM_STRP, FORM_LINE_STRP, FORM_REF_ADDRESS = 0x0E, 0x1F, 0x10
STRING_INDICES = {0x1A, 0x25, 0x26, 0x27, 0x28}
UNIT_REFERENCES = {0x11, 0x12, 0x13, 0x14, 0x15}


class Function:
    def __init__(self, result):
        self.result = result  # DIE offset of its type, or None
        self.parameters = []  # the same for each parameter
        self.is_variadic = False


class Unsupported(Exception):
    pass


class DebugInformation:
    """Of one linked ELF file: {name: Function} of the external functions that it defines among `names`."""

    def __init__(self, elf, names):
        self.info = elf.section(".debug_info")
        self.abbreviations = elf.section(".debug_abbrev")
        self.strings = elf.section(".debug_str")
        self.line_strings = elf.section(".debug_line_str")
        self.string_offsets = elf.section(".debug_str_offsets")
        self.names = names
        self.functions = {}
        self.types = {}  # offset: (tag, type offset or None, byte size, encoding)
        self.tables = {}  # offset of an abbreviation table: the table
        position = 0
        while position < len(self.info):
            position = self.read_unit(position)

    def resolve(self, offset):
        """The type behind typedefs and qualifiers as (tag, type offset, byte size, encoding); None is void."""
        while offset in self.types:
            tag, target, _, _ = self.types[offset]
            if tag not in ALIASES:
                return self.types[offset]
            offset = target
        return None

    def read_unit(self, position):
        unit = position
        (length,) = struct.unpack_from("<I", self.info, position)
        wide = length == 0xFFFFFFFF
        position += 4
        if wide:
            (length,) = struct.unpack_from("<Q", self.info, position)
            position += 8
        end = position + length
        offset_size = 8 if wide else 4
        (version,) = struct.unpack_from("<H", self.info, position)
        position += 2
        kind = 1
        if version == 5:
            kind = self.info[position]
            address_size = self.info[position + 1]
            position += 2
            table = self.number(position, offset_size)
            position += offset_size + {1: 0, 2: offset_size + 8, 3: 0, 4: 8, 5: 8, 6: offset_size + 8}.get(kind, 0)
        elif version == 4:
            table = self.number(position, offset_size)
            address_size = self.info[position + offset_size]
            position += offset_size + 1
        else:
            raise Unsupported(f"debug information of version {version}")
        if kind in (1, 3):
            self.read_entries(unit, position, end, offset_size, address_size, self.table(table))
        return end

    def number(self, position, size):
        return int.from_bytes(self.info[position:position + size], "little")

    def table(self, offset):
        """{code: (tag, has children, [(attribute, form, constant)])}"""
        if offset in self.tables:
            return self.tables[offset]
        table, position, data = {}, offset, self.abbreviations
        while True:
            code, position = unsigned(data, position)
            if code == 0:
                break
            tag, position = unsigned(data, position)
            children = data[position]
            position += 1
            attributes = []
            while True:
                attribute, position = unsigned(data, position)
                form, position = unsigned(data, position)
                constant = None
                if form == FORM_CONSTANT:
                    constant, position = unsigned(data, position)
                if attribute == 0 and form == 0:
                    break
                attributes.append((attribute, form, constant))
            table[code] = (tag, children, attributes)
        self.tables[offset] = table
        return table

    def read_entries(self, unit, position, end, offset_size, address_size, table):
        string_base = 2 * offset_size
        function, function_depth, depth = None, 0, 0
        while position < end:
            offset = position
            code, position = unsigned(self.info, position)
            if code == 0:
                depth -= 1
                if depth <= function_depth:
                    function = None
                continue
            tag, children, attributes = table[code]
            values = {}
            for attribute, form, constant in attributes:
                wanted = attribute in WANTED and (attribute != AT_NAME or tag == TAG_SUBPROGRAM)
                value, position = self.read_form(form, position, constant, offset_size, address_size, unit,
                                                 string_base if wanted else None)
                if wanted:
                    values[attribute] = value
            if tag == TAG_COMPILE_UNIT:
                string_base = values.get(AT_STR_OFFSETS_BASE, string_base)
            elif tag == TAG_SUBPROGRAM:
                if function is None:
                    function, function_depth = self.begin_function(values), depth
            elif tag == TAG_FORMAL_PARAMETER and function and depth == function_depth + 1:
                function.parameters.append(values.get(AT_TYPE))
            elif tag == TAG_UNSPECIFIED_PARAMETERS and function and depth == function_depth + 1:
                function.is_variadic = True
            if tag in ALIASES or tag in (TAG_POINTER, TAG_SUBROUTINE, TAG_BASE, TAG_STRUCTURE, TAG_UNION, TAG_CLASS):
                self.types[offset] = (tag, values.get(AT_TYPE), values.get(AT_BYTE_SIZE), values.get(AT_ENCODING))
            if children:
                depth += 1
            elif tag == TAG_SUBPROGRAM:
                function = None

    def begin_function(self, values):
        name = values.get(AT_NAME)
        if name not in self.names or not values.get(AT_EXTERNAL) or values.get(AT_DECLARATION):
            return None
        self.functions[name] = Function(values.get(AT_TYPE))
        return self.functions[name]

    def read_form(self, form, position, constant, offset_size, address_size, unit, string_base):
        """(value, position behind it). Strings are looked up only if `string_base` is given."""
        data = self.info
        if form == FORM_INDIRECT:
            form, position = unsigned(data, position)
        if form == FORM_CONSTANT:
            return constant, position
        if form == FORM_PRESENT:
            return 1, position
        if form == FORM_STRING:
            end = data.index(b"\0", position)
            return data[position:end].decode("utf-8", "replace"), end + 1
        if form in (FORM_BLOCK, FORM_EXPRESSION):
            size, position = unsigned(data, position)
            return None, position + size
        if form in BLOCKS:
            return None, position + BLOCKS[form] + self.number(position, BLOCKS[form])
        if form == FORM_SIGNED or form in UNSIGNED:
            value, position = unsigned(data, position)
        elif form == FORM_ADDRESS:
            value, position = None, position + address_size
        elif form in FIXED or form in OFFSETS:
            size = FIXED.get(form, offset_size)
            value, position = self.number(position, size), position + size
        else:
            raise Unsupported(f"debug information of form {form:#x}")
        if form in UNIT_REFERENCES:
            return unit + value, position
        if string_base is None:
            return None, position
        if form in STRING_INDICES:
            start = string_base + value * offset_size
            value, form = int.from_bytes(self.string_offsets[start:start + offset_size], "little"), FORM_STRP
        if form in (FORM_STRP, FORM_LINE_STRP):
            strings = self.strings if form == FORM_STRP else self.line_strings
            value = strings[value:strings.index(b"\0", value)].decode("utf-8", "replace")
        return value, position


def unsigned(data, position):
    """ULEB128: (value, position behind it)."""
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    value, shift = 0, 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def read(elf, names):
    """DebugInformation, or None if there is none that can be understood."""
    if not elf.section(".debug_info"):
        return None
    try:
        return DebugInformation(elf, names)
    except (Unsupported, IndexError, KeyError, ValueError, struct.error):
        return None
