#!/usr/bin/env python3
"""Writes what is made from words-1.txt and preset-1.hex: the Swift files beside this directory and the
appendix of docs/PROTOCOL.md. With --check it writes nothing and fails if anything is not current."""

import hashlib
import pathlib
import re
import sys
import textwrap

SOURCE = pathlib.Path(__file__).resolve().parent
SWIFT = SOURCE.parent
ROOT = SOURCE.parents[3]
SINGLE_MAX, DOUBLE_MAX, TABLES = 232, 256, 4
KEYWORDS = {"class", "continue", "true", "false", "default", "in"}
# `.none` would be read as Optional's.
UNNAMED = {"none"}


def read_words(path):
    """The tables of a words file: single from index 4 on, then four double-byte tables."""
    tables = {"single": []} | {f"double {number}": [] for number in range(TABLES)}
    table = None
    for line in path.read_text().splitlines():
        if line.startswith("["):
            table = tables[line.strip("[]")]
        elif line and not line.startswith("#"):
            table.extend(line.split())
    words = [word for table in tables.values() for word in table]
    doubles = [tables[f"double {number}"] for number in range(TABLES)]
    assert len(tables["single"]) <= SINGLE_MAX, "the single-byte table is full"
    assert all(len(table) <= DOUBLE_MAX for table in doubles), "a double-byte table is full"
    assert len(set(words)) == len(words), "a word stands there twice"
    return tables["single"], doubles


def indices(single, doubles):
    """Every word with its bytes on the wire."""
    pairs = [(b"\x01", "stream:start"), (b"\x02", "stream:end")]
    pairs += [(bytes([4 + index]), word) for index, word in enumerate(single)]
    for number, table in enumerate(doubles):
        pairs += [(bytes([0xEC + number, index]), word) for index, word in enumerate(table)]
    return pairs


def swift_name(word):
    """A word's name in code; None for those that cannot have one."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9:-]*", word) or word in UNNAMED:
        return None
    first, *rest = re.split(r"[:-]", word)
    name = first.lower() + "".join(part[0].upper() + part[1:] for part in rest)
    return f"`{name}`" if name in KEYWORDS else name


def wrap(words, indent, width=100):
    return textwrap.fill(
        " ".join(words), width, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False)


def words_file(single, doubles):
    text = (
        "// The words of dictionary version 1, made by `make dictionary` from Source/words-1.txt.\n"
        "// Do not change this file.\n\n"
        "/// Dictionary version 1 as text: words in order, separated by blanks and line ends.\n"
        "enum DictionaryVersion1 {\n"
        "    /// The single-byte table from index 4 on; 1 and 2 are the control words, 3 is the own "
        "domain.\n"
        f'    static let single = """\n{wrap(single, " " * 8)}\n        """\n')
    for number, table in enumerate(doubles):
        if table:
            text += (
                f"\n    /// Double-byte dictionary {number} from index 0 on.\n"
                f'    static let double{number} = """\n{wrap(table, " " * 8)}\n        """\n')
    return text + "}\n"


def names_file(single):
    text = (
        "// Names for the words of the single-byte table, made by `make dictionary` from\n"
        "// Source/words-1.txt. Do not change this file.\n\n"
        "extension Token {\n"
        "    package static var streamStart: Token { Token(unchecked: 0x1) }\n"
        "    package static var streamEnd: Token { Token(unchecked: 0x2) }\n"
        "    package static var ownDomain: Token { Token(unchecked: 0x3) }\n")
    for index, word in enumerate(single):
        if name := swift_name(word):
            text += f"    package static var {name}: Token {{ Token(unchecked: 0x{index + 4:X}) }}\n"
    return text + "}\n"


def preset_file(preset):
    rows = [preset[start:start + 15] for start in range(0, len(preset), 15)]
    literal = "\n".join(
        "        " + " ".join(f"0x{byte:02X}," for byte in row) for row in rows)
    return (
        "// The bytes of preset dictionary 1, made by `make dictionary` from Source/preset-1.hex, which\n"
        "// Source/train_preset.py wrote. Do not change this file.\n\n"
        "/// Preset dictionary 1: what stanzas have in common, the commonest at the end.\n"
        "enum PresetVersion1 {\n"
        f"    /// SHA-256 of the bytes.\n"
        f'    static let sha256 = "{hashlib.sha256(preset).hexdigest()}"\n\n'
        f"    /// The {len(preset)} bytes.\n"
        f"    static let bytes: [UInt8] = [\n{literal}\n    ]\n}}\n")


def document(text, single, doubles, preset):
    """docs/PROTOCOL.md with the words and the preset dictionary of the sources."""
    pairs = [f"{index.hex()} {word}" for index, word in indices(single, doubles)]
    lines, line = [], ""
    for pair in pairs:
        if line and len(line) + 2 + len(pair) > 98:
            lines.append(line)
            line = ""
        line += ("  " if line else "") + pair
    words = "```words\n" + "\n".join(lines + [line]) + "\n```"
    rows = [preset[start:start + 32].hex() for start in range(0, len(preset), 32)]
    bytes_block = "```preset\n" + "\n".join(rows) + "\n```"
    text = re.sub(r"```words\n.*?```", lambda _: words, text, flags=re.S)
    return re.sub(r"```preset\n.*?```", lambda _: bytes_block, text, flags=re.S)


def main():
    single, doubles = read_words(SOURCE / "words-1.txt")
    preset = bytes.fromhex((SOURCE / "preset-1.hex").read_text())
    protocol = ROOT / "docs" / "PROTOCOL.md"
    files = {
        SWIFT / "DictionaryVersion1.swift": words_file(single, doubles),
        SWIFT / "Token+Names.swift": names_file(single),
        SWIFT / "PresetVersion1.swift": preset_file(preset),
        protocol: document(protocol.read_text(), single, doubles, preset),
    }
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"not current: {path.relative_to(ROOT)}; run `make dictionary`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for path in stale:
        path.write_text(files[path])
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
