"""Text files, plain or gzipped, line by line, with errors that name the line."""

import gzip
from pathlib import Path
from typing import Iterator, List, Tuple, Union

from ..errors import Errors, check_argument

Line = Tuple[int, str]


def numbered_lines(path: Union[str, Path]) -> Iterator[Line]:
    """The lines of a UTF-8 file, without line ends, counted from 1. Nothing but the current line is kept.

    path (Union[str, Path]): The file; one whose name ends in .gz is unpacked on the way.
    YIELDS (Tuple[int, str]): Number and text of each line.
    RAISES (ValueError): If the file is missing (F401), not UTF-8, or a broken gzip file (F402).
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(Errors.F401.format(path=path))
    number = 0
    try:
        # A line ends at LF and nowhere else: texts may hold other characters that Python takes for line ends.
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for raw in file:
                number += 1
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf8").rstrip("\r\n")
    except UnicodeDecodeError as e:
        raise wrong_line(path, number, f"it is not UTF-8 ({e.reason})") from e
    except (EOFError, gzip.BadGzipFile) as e:
        raise ValueError(Errors.F402.format(path=path, number=number, reason=e)) from e


def check_count(function: str, argument: str, value: int, least: int = 0) -> None:
    """RAISES (ValueError): If a number of things to read is too small."""
    check_argument(function, argument, value, value >= least, f"at least {least}" if least else "0 for all, or more")


def blocks(path: Union[str, Path], most: int = 0) -> Iterator[List[Line]]:
    """The runs of lines that empty lines separate.

    path (Union[str, Path]): The file, as for numbered_lines.
    most (int): Lines of a block; what is longer is cut. 0 for no limit.
    YIELDS (List[Tuple[int, str]]): Numbers and texts of the lines of a block.
    """
    block: List[Line] = []
    for number, line in numbered_lines(path):
        is_empty = not line.strip()
        if block and (is_empty or len(block) == most):
            yield block
            block = []
        if not is_empty:
            block.append((number, line))
    if block:
        yield block


def wrong_line(path: Union[str, Path], number: int, reason: str) -> ValueError:
    return ValueError(Errors.F403.format(path=path, number=number, reason=reason))
