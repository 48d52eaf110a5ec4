"""Where each table, key and item of a TOML text stands: a scanner for text that a TOML parser has accepted."""

from __future__ import annotations

import re

from attrs import define, field

from atlas_core.options.problems import KeyPath

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
_BASIC_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL_STRING = re.compile(r"'[^']*'")
_LONG_BASIC_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+', re.DOTALL)
_LONG_LITERAL_STRING = re.compile(r"'''.*?'''+", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


@define
class Lines:
    """The line of every path of a text; `inline` holds the paths of values, as opposed to tables with a header."""

    by_path: dict[KeyPath, int] = field(factory=dict)
    inline: set[KeyPath] = field(factory=set)


def scan_lines(text: str) -> Lines:
    """Return where everything of a valid TOML text stands; items of arrays are numbered from 0."""
    return _Scanner(text.replace("\r\n", "\n")).document()


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else _ESCAPES.get(match.group(3), match.group(3))


@define
class _Scanner:
    text: str
    position: int = 0
    lines: Lines = field(factory=Lines)
    counts: dict[KeyPath, int] = field(factory=dict)
    _counted_to: int = 0
    _line: int = 1

    def document(self) -> Lines:
        table: KeyPath = ()
        while self._skip_blank():
            if self.text.startswith("[", self.position):
                table = self._header()
            else:
                self._pair(table, inline=False)
        return self.lines

    def _skip_blank(self) -> bool:
        match = _BLANK.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return self.position < len(self.text)

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.position)
        self._counted_to = self.position
        return self._line

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:
            raise ValueError(f"expected valid TOML at character {self.position}")
        self.position = match.end()
        return match.group()

    def _looks_at(self, start: str) -> bool:
        self._skip_blank()
        return self.text.startswith(start, self.position)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip_blank()
            parts.append(self._key_part())
            if not self._looks_at("."):
                return tuple(parts)
            self.position += 1

    def _key_part(self) -> str:
        first = self.text[self.position]
        if first == '"':
            return _ESCAPE.sub(_unescape, self._take(_BASIC_STRING)[1:-1])
        if first == "'":
            return self._take(_LITERAL_STRING)[1:-1]
        return self._take(_BARE_KEY)

    def _header(self) -> KeyPath:
        line = self._here()
        brackets = 2 if self.text.startswith("[[", self.position) else 1
        self.position += brackets
        *around, last = self._key()
        self._skip_blank()
        self.position += brackets
        path = (*self._resolve(tuple(around), line), last)
        if brackets == 2:
            self.lines.by_path.setdefault(path, line)
            index = self.counts[path] = self.counts.get(path, -1) + 1
            path = (*path, index)
        elif path in self.counts:
            path = (*path, self.counts[path])
        self.lines.by_path[path] = line
        return path

    def _resolve(self, keys: tuple[str, ...], line: int) -> KeyPath:
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self.lines.by_path.setdefault(path, line)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: KeyPath, *, inline: bool) -> None:
        line = self._here()
        keys = self._key()
        for length in range(1, len(keys)):
            path = (*table, *keys[:length])
            self.lines.by_path.setdefault(path, line)
            if inline:
                self.lines.inline.add(path)
        path = (*table, *keys)
        self.lines.by_path[path] = line
        self._skip_blank()
        self.position += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self.lines.inline.add(path)
        self._skip_blank()
        start = self.text[self.position]
        if start == "[":
            self._array(path)
        elif start == "{":
            self._inline_table(path)
        else:
            self._take(self._scalar(start))

    def _scalar(self, start: str) -> re.Pattern[str]:
        if self.text.startswith('"""', self.position):
            return _LONG_BASIC_STRING
        if self.text.startswith("'''", self.position):
            return _LONG_LITERAL_STRING
        return {'"': _BASIC_STRING, "'": _LITERAL_STRING}.get(start, _BARE_VALUE)

    def _array(self, path: KeyPath) -> None:
        self.position += 1
        index = 0
        while not self._looks_at("]"):
            self.lines.by_path[(*path, index)] = self._here()
            self._value((*path, index))
            index += 1
            if self._looks_at(","):
                self.position += 1
        self.position += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.position += 1
        while not self._looks_at("}"):
            self._pair(path, inline=True)
            if self._looks_at(","):
                self.position += 1
        self.position += 1
