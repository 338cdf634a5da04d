"""CoNLL-U treebanks with their own tokens (universaldependencies.org/format.html)."""

from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple, Union, cast

from spacy.language import Language
from spacy.parts_of_speech import IDS as UPOS
from spacy.pipeline._parser_internals.nonproj import contains_cycle
from spacy.tokens import Doc
from spacy.training import Example

from .files import Line, blocks, check_count, wrong_line

Columns = Dict[str, List[Any]]
COLUMNS = 10


def make_conllu_corpus_v1(
    path: Union[str, Path], n_sents: int = 1, sent_starts: bool = True, limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read a treebank with its gold tokens, as a stream. Multiword tokens are read as the words that they consist of,
    which the text of the documents consists of too, whatever the form of the whole and "# text" are; empty nodes are
    left out, and the relation of a root is spaCy's "ROOT".

    path (Union[str, Path]): The .conllu file, plain or .gz.
    n_sents (int): Sentences per document. A document never goes beyond a "# newdoc" line; 0 keeps the documents of the
        treebank whole.
    sent_starts (bool): Whether the components are given the sentence bounds. The gold document has them in any case. A
        parser that is to find the bounds has to be trained without.
    limit (int): Documents to read; 0 for all.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (ValueError): If a number is negative (F101). When it is called, if the file is missing (F401), broken
        (F402), or wrong at a line (F403).
    """
    check_count("spacy_fodl.ConlluCorpus.v1", "n_sents", n_sents)
    check_count("spacy_fodl.ConlluCorpus.v1", "limit", limit)

    def read(nlp: Language) -> Iterator[Example]:
        for sentences in islice(documents(path, n_sents), limit or None):
            columns = joined(sentences)
            given = columns["sent_starts"] if sent_starts else None
            predicted = Doc(nlp.vocab, words=columns["words"], spaces=columns["spaces"], sent_starts=given)
            yield Example(predicted, Doc(nlp.vocab, **cast(Any, columns)))

    return read


def documents(path: Union[str, Path], n_sents: int) -> Iterator[List[Columns]]:
    document: List[Columns] = []
    for block in blocks(path):
        starts_new = any(line.startswith("# newdoc") for _, line in block)
        if document and (starts_new or len(document) == n_sents):
            yield document
            document = []
        rows = [(number, line) for number, line in block if not line.startswith("#")]
        if rows:
            document.append(sentence(path, rows))
    if document:
        yield document


def sentence(path: Union[str, Path], rows: List[Line]) -> Columns:
    """The columns of one sentence as the arguments of Doc, heads as indices into the sentence."""
    columns: Columns = {name: [] for name in ("words", "spaces", "lemmas", "pos", "tags", "morphs", "heads", "deps")}
    pending: Tuple[int, bool] = (0, True)  # The last word of the current multiword token, and whether a space follows.
    for number, line in rows:
        fields = line.split("\t")
        if len(fields) != COLUMNS:
            raise wrong_line(path, number, f"expected {COLUMNS} columns separated by tabs, and found {len(fields)}")
        id_, form, lemma, upos, xpos, feats, head, deprel, _, misc = fields
        space = "SpaceAfter=No" not in misc.split("|")
        if "." in id_:
            continue
        position = len(columns["words"])
        if "-" in id_:
            first, _, last_id = id_.partition("-")
            if first != str(position + 1) or not last_id.isdecimal() or int(last_id) <= position:
                raise wrong_line(path, number, f"'{id_}' is no range of words that begins with word {position + 1}")
            if position < pending[0]:
                raise wrong_line(path, number, f"'{id_}' begins within another range, that up to word {pending[0]}")
            pending = (int(last_id), space)
            continue
        if id_ != str(position + 1):
            raise wrong_line(path, number, f"word {position + 1} of the sentence has the id '{id_}'")
        if not form:
            raise wrong_line(path, number, f"word {id_} has no form")
        if head != "_" and not (head.isdecimal() and int(head) <= len(rows)):
            raise wrong_line(path, number, f"'{head}' is no head in a sentence of {len(rows)} lines")
        if upos != "_" and upos not in UPOS:
            raise wrong_line(path, number, f"'{upos}' is no universal part of speech")
        if head.isdecimal() and int(head) == position + 1:
            raise wrong_line(path, number, f"word {id_} is its own head; the head of a root is 0")
        last, space_after_all = pending
        if position + 1 <= last:
            space = space_after_all if position + 1 == last else False
        is_root = head in ("0", "_")
        columns["words"].append(form)
        columns["spaces"].append(space)
        columns["lemmas"].append("" if lemma == "_" and form != "_" else lemma)
        columns["pos"].append("" if upos == "_" else upos)
        columns["tags"].append("" if xpos == "_" else xpos)
        columns["morphs"].append("" if feats == "_" else feats)
        columns["heads"].append(position if is_root else int(head) - 1)
        columns["deps"].append("" if "_" in (head, deprel) else "ROOT" if head == "0" else deprel)
    n = len(columns["words"])
    if n < max(pending[0], 1):
        what = f"has {n} words, and a range up to word {pending[0]}" if n else "has no words"
        raise wrong_line(path, rows[0][0], f"the sentence {what}")
    for (number, _), head in zip(words_only(rows), columns["heads"]):
        if head >= n:
            raise wrong_line(path, number, f"its head {head + 1} is outside the sentence of {n} words")
    in_cycle = contains_cycle(columns["heads"])
    if in_cycle:
        number, _ = words_only(rows)[min(in_cycle)]
        ids = ", ".join(str(i + 1) for i in sorted(in_cycle))
        raise wrong_line(path, number, f"from words {ids} no head leads to a root")
    return columns


def words_only(rows: List[Line]) -> List[Line]:
    return [(number, line) for number, line in rows if line.split("\t", 1)[0].isdecimal()]


def joined(sentences: List[Columns]) -> Columns:
    """Several sentences as the arguments of one Doc."""
    columns: Columns = {name: [] for name in [*sentences[0], "sent_starts"]}
    for one in sentences:
        offset = len(columns["words"])
        columns["sent_starts"] += [True] + [False] * (len(one["words"]) - 1)
        columns["heads"] += [head + offset for head in one["heads"]]
        for name, values in one.items():
            if name != "heads":
                columns[name] += values
    return columns
