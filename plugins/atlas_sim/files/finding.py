"""Which file belongs to which symbol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlas_core import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_sim.options import FilesOptions


def find_file(options: FilesOptions, symbol: str, symbols: Sequence[str]) -> Path:
    """Return the file of `symbol`; a profile has made its paths absolute, others begin in the current folder.

    Raises DataError saying which paths were tried.
    """
    tried = [path.expanduser() for path in _candidates(options, symbol, symbols)]
    for path in tried:
        if path.is_file():
            return path
    names = ", ".join(str(path) for path in tried)
    raise DataError(f"expected a file of bars for {symbol}, was none; tried {names} (in the folder {Path.cwd()})")


def _candidates(options: FilesOptions, symbol: str, symbols: Sequence[str]) -> list[Path]:
    if options.path is not None:
        if len(symbols) > 1:
            raise DataError(
                f"expected a universe of one symbol with path = ..., was {', '.join(symbols)}; "
                'give each symbol its file: files = { "SYMBOL" = "FILE" }'
            )
        return [options.path]
    if options.folder is not None:
        # A symbol such as BTC/USD cannot be the name of a file.
        spellings = dict.fromkeys(symbol.replace("/", mark).replace(":", mark) for mark in "-_") | {
            symbol.replace("/", "").replace(":", ""): None
        }
        return [options.folder / options.pattern.replace("{symbol}", spelling) for spelling in spellings]
    if symbol not in options.files:
        raise DataError(f"expected a file for {symbol} in files, was only {', '.join(options.files)}")
    return [options.files[symbol]]
