"""Recurrent networks over documents: an encoder of tokens, and a classifier's pooling on top of it."""

from typing import Callable, Dict, Iterator, List, Tuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELLS: Dict[str, Callable[[int, int], nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

# A padded block holds documents of similar length: none shorter than this share of the longest, once there are enough
# of them to fill the matrix products.
MIN_SHARE = 0.75
MIN_DOCUMENTS = 8
# And at most so many positions, which bounds the memory of a prediction.
MAX_POSITIONS = 32768


class RNNEncoder(nn.Module):
    """A stack of recurrent layers over the tokens of each document (Elman 1990, "Finding Structure in Time"; Hochreiter
    and Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning Phrase
    Representations using RNN Encoder-Decoder", section 2.3, for the GRU, of which torch's applies the reset gate behind
    the recurrent product).

    Documents are padded in blocks of similar length: through packed sequences the backward pass is many times slower on
    a CPU. The backward direction reads each document from its own last token, so no state ever sees padding.

    n_in (int): Width of a token vector.
    cell (str): A key of CELLS.
    width (int): Width of the states of one direction.
    depth (int): Number of layers.
    bidirectional (bool): Whether every layer also reads from right to left. The output is then twice as wide.
    """

    def __init__(self, n_in: int, *, cell: str, width: int, depth: int, bidirectional: bool) -> None:
        super().__init__()
        self.directions = 2 if bidirectional else 1
        self.n_out = self.directions * width
        widths = [n_in, *[self.n_out] * (depth - 1)]
        self.layers = nn.ModuleList(
            nn.ModuleList(CELLS[cell](n, width) for _ in range(self.directions)) for n in widths
        )
        if cell == "lstm":
            for layer in self.modules():
                if isinstance(layer, nn.LSTM):
                    remember(layer)

    def forward(self, tokens: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tensor:
        """Encode documents.

        tokens (Tensor): Token vectors of all documents, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        dropout (float): Rate between the layers, when the module is in training mode.
        RETURNS (Tensor): The states at each token. *Shape:* (tokens, n_out)
        """
        blocks = list(padded_blocks(lengths))
        if not blocks:
            return tokens.new_zeros((0, self.n_out)) + tokens.sum()
        outputs = torch.cat([self._run(tokens, *block, dropout) for block in blocks])
        order = torch.cat([rows for rows, _ in blocks])
        return outputs[torch.argsort(order)] if len(blocks) > 1 or len(lengths) > 1 else outputs

    def _run(self, tokens: Tensor, rows: Tensor, lengths: Tensor, dropout: float) -> Tensor:
        """The states at the tokens of one block.

        rows (Tensor): The numbers of its tokens, document by document. *Shape:* (tokens of the block,)
        lengths (Tensor): Tokens of each of its documents. *Shape:* (documents of the block,)
        """
        there, back = padding_rows(lengths)
        X = tokens[rows]
        for i, layer in enumerate(self.layers):
            if i:
                X = F.dropout(X, dropout, self.training)
            # The last row of the table is zero and stands for padding.
            table = F.pad(X, (0, 0, 0, 1))
            states = [
                cell(F.embedding(places, table))[0].flatten(0, 1)[returns]
                for cell, places, returns in zip(cast(nn.ModuleList, layer), there, back)
            ]
            X = torch.cat(states, dim=1)
        return X


def remember(layer: nn.RNNBase) -> None:
    """Let an LSTM of one layer begin with open forget gates (Jozefowicz, Zaremba and Sutskever 2015, "An Empirical
    Exploration of Recurrent Network Architectures", section 5).

    layer (nn.RNNBase): The LSTM; changed in place.
    """
    width = layer.hidden_size
    with torch.no_grad():
        for bias, value in (("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
            layer.get_parameter(bias)[width : 2 * width] = value


def padded_blocks(lengths: Tensor) -> Iterator[Tuple[Tensor, Tensor]]:
    """Group documents of similar length, the longest first.

    lengths (Tensor): Tokens of each document. *Shape:* (documents,)
    YIELDS (Tuple[Tensor, Tensor]): The numbers of the tokens of a block, document by document, *shape* (tokens of the
        block,), and the lengths of its documents, *shape* (documents of the block,). Empty documents are in none.
    """
    order = torch.argsort(lengths, descending=True, stable=True)
    starts = lengths.cumsum(0) - lengths
    sizes = lengths[order].tolist()
    for first, last in block_bounds(sizes):
        documents = order[first:last]
        n = lengths[documents]
        total = sum(sizes[first:last])
        offsets = (starts[documents] - (n.cumsum(0) - n)).repeat_interleave(n, output_size=total)
        yield torch.arange(total, device=lengths.device) + offsets, n


def block_bounds(sizes: List[int]) -> Iterator[Tuple[int, int]]:
    """Where to cut documents of falling length into blocks.

    sizes (List[int]): Tokens of each document.
    YIELDS (Tuple[int, int]): The first document of a block, and one behind its last. Empty ones are in none.
    """
    sizes = [size for size in sizes if size]
    first = 0
    for i, size in enumerate(sizes):
        too_short = i - first >= MIN_DOCUMENTS and size < MIN_SHARE * sizes[first]
        too_many = i > first and (i - first + 1) * sizes[first] > MAX_POSITIONS
        if too_short or too_many:
            yield first, i
            first = i
    if sizes:
        yield first, len(sizes)


def padding_rows(lengths: Tensor) -> Tuple[Tuple[Tensor, Tensor], Tuple[Tensor, Tensor]]:
    """Where the tokens of a block stand when it is padded, time first, read forwards and backwards.

    lengths (Tensor): Tokens of each document, none empty, the longest first. *Shape:* (documents,)
    RETURNS (Tuple[Tuple[Tensor, Tensor], Tuple[Tensor, Tensor]]): For both directions the token at each padded place,
        or the number of tokens for padding, *shape* (longest, documents); and for both directions the place of each
        token, *shape* (tokens,).
    """
    longest, total = int(lengths[0]), int(lengths.sum())
    n = len(lengths)
    device = lengths.device
    starts = lengths.cumsum(0) - lengths
    time = torch.arange(longest, device=device)[:, None]
    is_token = time < lengths
    forwards = torch.where(is_token, starts + time, total)
    backwards = torch.where(is_token, starts + lengths - 1 - time, total)
    document = torch.arange(n, device=device).repeat_interleave(lengths, output_size=total)
    position = torch.arange(total, device=device) - starts[document]
    return (forwards, backwards), (position * n + document, (lengths[document] - 1 - position) * n + document)


class RNNPooling(nn.Module):
    """Read each document with a recurrent encoder and pool the states over time into one vector.

    n_in (int): Width of a token vector.
    cell, width, depth, bidirectional: As in RNNEncoder.
    pooling (str): "max" or "mean" over the states at all tokens, "max+mean" for both, or "last": the last state of each
        direction.
    max_length (int): Tokens that are read of a document; 0 for all.
    truncate (str): Which those are: the "head", the "tail", or "both", half of them from each end.
    """

    def __init__(
        self,
        n_in: int,
        *,
        cell: str,
        width: int,
        depth: int,
        bidirectional: bool,
        pooling: str,
        max_length: int,
        truncate: str,
    ) -> None:
        super().__init__()
        self.encoder = RNNEncoder(n_in, cell=cell, width=width, depth=depth, bidirectional=bidirectional)
        self.width = width
        self.pooling = pooling
        self.n_pooled = self.encoder.n_out * len(pooling.split("+"))
        self.max_length = max_length
        self.truncate = truncate

    def forward(self, tokens: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tensor:
        """Encode documents, one vector each.

        tokens (Tensor): Token vectors of all documents, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        dropout (float): Rate before, between and after the layers, when the module is in training mode.
        RETURNS (Tensor): A vector a document; zeros for an empty one. *Shape:* (documents, n_pooled)
        """
        tokens, lengths = self.truncated(tokens, lengths)
        states = self.encoder(F.dropout(tokens, dropout, self.training), lengths, dropout)
        return F.dropout(self.pooled(states, lengths), dropout, self.training)

    def truncated(self, tokens: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
        """The tokens that are read, *shape* (tokens read, n_in), and how many they are of each document, *shape*
        (documents,). Arguments as in forward."""
        if not self.max_length:
            return tokens, lengths
        kept = lengths.clamp(max=self.max_length)
        total = int(kept.sum())
        if total == len(tokens):
            return tokens, lengths
        cut, head = lengths - kept, {"head": kept, "tail": 0 * kept, "both": (kept + 1) // 2}[self.truncate]
        document = torch.arange(len(kept), device=kept.device).repeat_interleave(kept, output_size=total)
        position = torch.arange(total, device=kept.device) - (kept.cumsum(0) - kept)[document]
        position = torch.where(position < head[document], position, position + cut[document])
        return tokens[(lengths.cumsum(0) - lengths)[document] + position], kept

    def pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Pool states over time.

        states (Tensor): The states at each token. *Shape:* (tokens, n_out)
        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        RETURNS (Tensor): *Shape:* (documents, n_pooled)
        """
        if not len(states):
            return states.new_zeros((len(lengths), self.n_pooled)) + states.sum()
        if self.pooling == "last":
            ends = lengths.cumsum(0)
            last, first = (ends - 1).clamp(min=0), (ends - lengths).clamp(max=len(states) - 1)
            # A direction ends where it has read everything: the backward one at the first token.
            parts = zip(states.split(self.width, dim=1), (last, first))
            pooled = torch.cat([part[places] for part, places in parts], dim=1)
        else:
            kinds = self.pooling.split("+")
            pooled = torch.cat([torch.segment_reduce(states, kind, lengths=lengths, axis=0) for kind in kinds], dim=1)
        return torch.where((lengths > 0)[:, None], pooled, torch.zeros_like(pooled))
