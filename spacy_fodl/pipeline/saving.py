"""Component folders that are written whole or not at all, and never read when mixed up."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Iterable, Iterator, Union

import srsly
from spacy.vocab import Vocab

from ..errors import Errors

MANIFEST = "files.json"
PARTS = ("cfg", "model")


class SafeSaving:
    """For components: to_disk replaces each file in one step and writes their SHA-256 last; from_disk compares them
    first. Stands before the spaCy class in the list of bases."""

    name: str
    vocab: Vocab

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component.

        path (Union[str, Path]): The folder; made if it isn't there.
        exclude (Iterable[str]): Names of parts to leave out: "cfg", "model" or "vocab".
        """
        path, exclude = Path(path), tuple(exclude)
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path, prefix=".saving-") as folder:
            part = Path(folder)
            super().to_disk(part, exclude=[*exclude, "vocab"])  # type: ignore[misc]
            files = sorted(part.iterdir())
            srsly.write_json(part / MANIFEST, {file.name: sha256(file) for file in files})
            for file in [*files, part / MANIFEST]:
                os.replace(file, path / file.name)
        if "vocab" not in exclude:
            self.vocab.to_disk(path / "vocab", exclude=exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> Any:
        """Load the component.

        path (Union[str, Path]): The folder that to_disk wrote.
        exclude (Iterable[str]): Names of parts to leave out: "cfg", "model" or "vocab".
        RETURNS (SafeSaving): Itself.
        RAISES (ValueError): If a file is missing (F009), from another save (F008, F226), damaged (F002, F006, F012) or
            newer than this version (F003), or doesn't fit the config (F004, F005, F010; F206 of a tagger, F213, F214
            and F225 of a translator).
        """
        path, exclude = Path(path), tuple(exclude)
        self._check(path, exclude)
        with self._explained():
            super().from_disk(path, exclude=[*exclude, "vocab"])  # type: ignore[misc]
        if "vocab" not in exclude:
            self.vocab.from_disk(path / "vocab", exclude=exclude)
        with self._explained():
            self._take_loaded()
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Any:
        """Load the component from what to_bytes returned.

        bytes_data (bytes): The data.
        exclude (Iterable[str]): Names of parts to leave out: "cfg", "model" or "vocab".
        RETURNS (SafeSaving): Itself.
        RAISES (ValueError): As from_disk, but for what it says of files.
        """
        with self._explained():
            super().from_bytes(bytes_data, exclude=exclude)  # type: ignore[misc]
            self._take_loaded()
        return self

    def _take_loaded(self) -> None:
        """What there is to do when cfg and model are loaded."""

    def _check(self, path: Path, exclude: Iterable[str]) -> None:
        """Compare the files with the manifest. It has to name every part that is going to be read."""
        try:
            digests = dict(srsly.read_json(path / MANIFEST))
        except (ValueError, TypeError) as e:
            if not (path / MANIFEST).is_file():
                raise ValueError(Errors.F009.format(path=path, component=self.name, file=MANIFEST)) from None
            raise ValueError(Errors.F012.format(path=path / MANIFEST, component=self.name)) from e
        for name in (*PARTS, *digests):
            if name in exclude:
                continue
            if name not in digests or not (path / name).is_file():
                raise ValueError(Errors.F009.format(path=path, component=self.name, file=name))
            if sha256(path / name) != digests[name]:
                raise ValueError(Errors.F008.format(file=name, path=path, component=self.name, manifest=MANIFEST))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError, IndexError) as e:
            if str(e).startswith("[F"):
                raise
            raise ValueError(Errors.F010.format(component=self.name, reason=f"{type(e).__name__}: {e}.")) from e


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
