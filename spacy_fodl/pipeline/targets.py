"""What a sequence-to-sequence component writes: symbols, and how texts become symbols and back."""

import base64
import io
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Optional, Protocol, cast, runtime_checkable

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from torch import Tensor

from ..errors import Errors, check_argument
from ..modules.seq2seq import EOS, UNK, Constraint

UNKNOWN = "<unk>"
END = "<eos>"
# These two, and something to write.
LEAST_SYMBOLS = 4


def check_learned(target: Any, data: Dict[str, Any], setting: str) -> None:
    """RAISES (ValueError): If symbols were learned under another setting than the config has."""
    found, expected = data.get(setting), getattr(target, setting)
    if found != expected:
        raise ValueError(Errors.F225.format(setting=setting, found=found, expected=expected))


@runtime_checkable
class Target(Protocol):
    """A vocabulary of symbols. Its first two are UNK and EOS."""

    symbols: List[str]
    """All symbols as texts, once it has learned them."""

    def learn(self, texts: Iterable[str]) -> None:
        """Choose the symbols.

        texts (Iterable[str]): The targets of the training data.
        RAISES (ValueError): If the symbols can't be learned from them (F215, F216, F229).
        """

    def encode(self, text: str) -> List[int]:
        """The symbols of a text.

        text (str): The text.
        RETURNS (List[int]): Their places in symbols, without EOS.
        """

    def decode(self, symbols: List[int]) -> str:
        """The text that symbols make up.

        symbols (List[int]): What was written, without EOS or with it.
        RETURNS (str): The text.
        """

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): All that was learned, of types that JSON keeps, with a name of the kind."""

    def from_dict(self, data: Dict[str, Any]) -> None:
        """Take over what to_dict gave.

        data (Dict[str, Any]): That.
        RAISES (ValueError): If it is of another kind (F213), was learned with other settings (F225), or is damaged.
        """

    def constraint(self, docs: List[Doc]) -> Optional[Callable[[Tensor], Constraint]]:
        """What may be written.

        docs (List[Doc]): The documents that are written for.
        RETURNS (Optional[Callable[[Tensor], Constraint]]): Gives the constraint for some of them, by their numbers;
            None where anything may be written.
        """


class Subwords:
    """Pieces of words, as sentencepiece learns them (Kudo and Richardson 2018, "SentencePiece"). Any text can be made
    of them, but for characters that the training data doesn't hold; runs of spaces are one space.

    size, model_type: As in make_subwords_v1.
    """

    def __init__(self, size: int, model_type: str) -> None:
        self.size = size
        self.model_type = model_type
        self.symbols: List[str] = []
        self._proto = b""
        self._processor: Any = None

    def learn(self, texts: Iterable[str]) -> None:
        import sentencepiece  # Not at the top: whoever makes a blank pipeline imports this file.

        model = io.BytesIO()
        found = [text for text in texts if text.strip()]
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(found),
                model_writer=model,
                model_type=self.model_type,
                vocab_size=self.size,
                hard_vocab_limit=False,
                character_coverage=1.0,
                normalization_rule_name="identity",
                # In bytes, at least 10; longer ones would be left out without a word.
                max_sentence_length=max((len(text.encode("utf8")) for text in found), default=0) + 10,
                unk_id=UNK,
                eos_id=EOS,
                bos_id=-1,
                pad_id=-1,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as e:
            raise ValueError(Errors.F215.format(size=self.size, reason=e)) from e
        self._load(model.getvalue())

    def _load(self, proto: bytes) -> None:
        import sentencepiece

        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
        except RuntimeError as e:
            raise ValueError(f"no model of sentencepiece, {e}") from e
        self._proto = proto
        names = [self._processor.id_to_piece(i) for i in range(self._processor.get_piece_size())]
        self.symbols = [UNKNOWN, END, *names[2:]]

    def encode(self, text: str) -> List[int]:
        return cast(List[int], self._processor.encode(text))

    def decode(self, symbols: List[int]) -> str:
        return cast(str, self._processor.decode([symbol for symbol in symbols if symbol != EOS]))

    def to_dict(self) -> Dict[str, Any]:
        return {"kind": "subwords", "model": base64.b64encode(self._proto).decode("ascii")}

    def from_dict(self, data: Dict[str, Any]) -> None:
        if data.get("kind") != "subwords":
            raise ValueError(Errors.F213.format(found=data.get("kind"), expected="subwords"))
        self._load(base64.b64decode(data["model"]))

    def constraint(self, docs: List[Doc]) -> None:
        return None


class Words:
    """Whole words, the most frequent of the training data; UNK stands for all others. A word knows whether a space
    follows, so that texts come back as they were, but for runs of white space of any kind, which are one space.

    size, lang: As in make_words_v1.
    """

    def __init__(self, size: int, lang: str) -> None:
        self.size = size
        self.lang = lang
        self.symbols: List[str] = []
        self._ids: Dict[str, int] = {}
        self._nlp: Optional[Language] = None

    def _cut(self, text: str) -> List[str]:
        if self._nlp is None:
            self._nlp = spacy.blank(self.lang)
        # The last word gets a space too, or it would be another word than in the middle.
        doc = self._nlp.make_doc(" ".join(text.split()) + " ")
        return [token.text_with_ws for token in doc if not token.is_space]

    def learn(self, texts: Iterable[str]) -> None:
        counts = Counter(word for text in texts for word in self._cut(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self._take(ranked[: max(self.size - 2, 1)])

    def _take(self, words: List[str]) -> None:
        self.symbols = [UNKNOWN, END, *words]
        self._ids = {word: i for i, word in enumerate(words, start=2)}

    def encode(self, text: str) -> List[int]:
        return [self._ids.get(word, UNK) for word in self._cut(text)]

    def decode(self, symbols: List[int]) -> str:
        return "".join(f"{UNKNOWN} " if i == UNK else self.symbols[i] for i in symbols if i != EOS).strip()

    def to_dict(self) -> Dict[str, Any]:
        return {"kind": "words", "lang": self.lang, "words": self.symbols[2:]}

    def from_dict(self, data: Dict[str, Any]) -> None:
        if data.get("kind") != "words":
            raise ValueError(Errors.F213.format(found=data.get("kind"), expected="words"))
        check_learned(self, data, "lang")
        self._take(list(data["words"]))

    def constraint(self, docs: List[Doc]) -> None:
        return None


def make_subwords_v1(size: int = 8000, model_type: str = "unigram") -> Target:
    """Pieces of words as target symbols.

    size (int): How many at most, those of unknown symbols and of the end included; at least 4. Small data gives fewer.
    model_type (str): How sentencepiece finds them, "unigram" (Kudo 2018, "Subword Regularization") or "bpe" (Sennrich,
        Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword Units").
    RETURNS (Target): An empty vocabulary.
    RAISES (ValueError): If size is below 4 or the model type another one (F101).
    """
    name = "spacy_fodl.Subwords.v1"
    check_argument(name, "size", size, size >= LEAST_SYMBOLS, f"at least {LEAST_SYMBOLS}")
    check_argument(name, "model_type", model_type, model_type in ("unigram", "bpe"), '"unigram" or "bpe"')
    return Subwords(size, model_type)


def make_words_v1(size: int = 10000, lang: str = "xx") -> Target:
    """Whole words as target symbols.

    size (int): How many at most, the most frequent first, those of unknown words and of the end included; at least 4.
    lang (str): The language whose tokenizer tells words apart.
    RETURNS (Target): An empty vocabulary.
    RAISES (ValueError): If size is below 4, or spaCy has no such language (F101).
    """
    name = "spacy_fodl.Words.v1"
    check_argument(name, "size", size, size >= LEAST_SYMBOLS, f"at least {LEAST_SYMBOLS}")
    try:
        spacy.util.get_lang_class(lang)
    except ImportError:
        check_argument(name, "lang", lang, False, "the code of a language that spaCy has, such as 'fr' or 'xx'")
    return Words(size, lang)
