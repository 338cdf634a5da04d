"""An encoder-decoder network, and the search for its best outputs."""

import math
from typing import Any, List, NamedTuple, Optional, Protocol, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import ATTENTIONS, Source
from .rnn import RNNEncoder, remember
from .run import Runner

# The symbols that every target vocabulary begins with. The decoder starts from EOS, and ends with it.
UNK, EOS = 0, 1
NEVER = float("-inf")
# By how much incomplete outputs are behind while outputs are compared.
CUT = 1e6


class DecoderState(NamedTuple):
    """The states of all layers of the decoder: the hidden ones, which are put out, and the cells, its memory. *Shape:*
    (layers, rows, width) both"""

    hidden: Tensor
    cell: Tensor

    def take(self, rows: Tensor) -> "DecoderState":
        return DecoderState(self.hidden[:, rows], self.cell[:, rows])


class Seq2Seq(Runner):
    """A bidirectional LSTM reads the source, behind which stands EOS. A second LSTM writes the target: its first state
    is made of the last ones of the first, its first input is EOS, and then what it wrote last, until that is EOS
    (Sutskever, Vinyals and Le 2014, "Sequence to Sequence Learning with Neural Networks").

    With attend_from "current" the state of the decoder's lowest layer looks at the source, and what it finds goes to
    the layers above it and to the output (Wu et al. 2016, "Google's Neural Machine Translation System", section 3): all
    steps of a known target can be computed at once. With "previous" it is the state of the step before, and what it
    finds goes into the lowest layer (Bahdanau, Cho and Bengio 2015, section 3.1), step by step.

    n_in (int): Width of a source token's vector.
    n_out (int): Size of the target vocabulary.
    attention (str): A key of ATTENTIONS.
    attend_from (str): "current" or "previous".
    width (int): Width of the states of the decoder and of one direction of the encoder.
    encoder_depth, decoder_depth (int): Numbers of layers.
    embed_width (int): Width of the vectors of target symbols.
    tied (bool): Whether the output uses these vectors too (Press and Wolf 2017, "Using the Output Embedding
        to Improve Language Models").
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        attention: str,
        attend_from: str,
        width: int,
        encoder_depth: int,
        decoder_depth: int,
        embed_width: int,
        tied: bool,
    ) -> None:
        super().__init__()
        self.n_out = n_out
        self.looks_back = attend_from == "previous"
        self.encoder = RNNEncoder(n_in, cell="lstm", width=width, depth=encoder_depth, bidirectional=True)
        self.end_of_source = nn.Parameter(torch.randn(1, n_in) * n_in**-0.5)
        n_states = self.encoder.n_out
        self.first_state = nn.Linear(n_states, 2 * decoder_depth * width)
        self.attention = ATTENTIONS[attention](width, n_states, width)
        n_context = self.attention.n_context
        self.symbols = nn.Embedding(n_out, embed_width)
        nn.init.normal_(self.symbols.weight, std=embed_width**-0.5)
        widths = [embed_width, *[width] * (decoder_depth - 1)]
        # The layers that the context goes into.
        fed = [i == 0 if self.looks_back else i > 0 for i in range(decoder_depth)]
        self.layers = nn.ModuleList(
            nn.LSTM(n + n_context * is_fed, width, batch_first=True) for n, is_fed in zip(widths, fed)
        )
        for layer in self.layers:
            if isinstance(layer, nn.LSTM):
                remember(layer)
        self.combine = nn.Linear(width + n_context + embed_width, embed_width)
        self.output = nn.Linear(embed_width, n_out)
        if tied:
            self.output.weight = self.symbols.weight
        nn.init.zeros_(self.output.bias)

    def encode(self, tokens: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tuple[Source, DecoderState]:
        """Encode sources.

        tokens (Tensor): Token vectors of all sources, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each source. *Shape:* (sources,)
        dropout (float): Rate on token vectors and states, when the module is in training mode.
        RETURNS (Tuple[Source, DecoderState]): The sources, each with EOS as its last token, and where a decoder starts.
        """
        n, device = len(lengths), lengths.device
        ends = lengths + 1
        last = ends.cumsum(0) - 1
        total = len(tokens) + n
        # Tokens first, the ends of the sources behind them: the rows in the order of reading.
        rows = torch.arange(total, device=device)
        is_end = torch.zeros(total, dtype=torch.bool, device=device)
        is_end[last] = True
        rows = torch.where(is_end, len(tokens), rows - is_end.cumsum(0))
        read = torch.cat([F.dropout(tokens, dropout, self.training), self.end_of_source])[rows]
        states = F.dropout(self.encoder(read, ends, dropout), dropout, self.training)
        place = torch.arange(int(ends.max()), device=device)
        mask = place < ends[:, None]
        # A row of zeros stands for padding.
        padded = F.pad(states, (0, 0, 0, 1))[torch.where(mask, (last + 1 - ends)[:, None] + place, total)]
        width = self.encoder.n_out // 2
        # A direction ends where it has read everything: the backward one at the first token.
        final = torch.cat([states[last, :width], states[last + 1 - ends, width:]], dim=1)
        hidden, cell = self.first_state(final).unflatten(1, (2, len(self.layers), -1)).permute(1, 2, 0, 3)
        state = DecoderState(torch.tanh(hidden).contiguous(), cell.contiguous())
        return Source(padded, self.attention.keys(padded), mask), state

    def decode(
        self,
        inputs: Tensor,
        source: Source,
        state: DecoderState,
        dropout: float = 0.0,
        beams: Optional["Beams"] = None,
    ) -> Tuple[Tensor, DecoderState, Optional[Tensor]]:
        """Take steps with known inputs.

        inputs (Tensor): Target symbols of each row. *Shape:* (rows, steps)
        source (Source): The sources.
        state (DecoderState): Before the first step.
        dropout (float): Rate on symbols and states, when the module is in training mode.
        beams (Optional[Beams]): Whose hypotheses the rows are; None if each source has one row. With beams there can be
            one step only.
        RETURNS (Tuple[Tensor, DecoderState, Optional[Tensor]]): What `output` makes scores of symbols of, *shape*
            (rows, steps, embed_width); the state after the last step; and the weights of attention, *shape* (sources,
            steps, longest source), or of beams (sources, width, longest source), where places without a hypothesis have
            those of another; None without attention.
        """
        symbols = F.dropout(self.symbols(inputs), dropout, self.training)
        if self.looks_back:
            steps = []
            for symbol in symbols.unbind(1):
                *one, state = self._step_looking_back(symbol[:, None], source, state, dropout, beams)
                steps.append(one)
            below, contexts = (torch.cat([step[i] for step in steps], dim=1) for i in (0, 1))
            all_weights = [step[2] for step in steps if step[2] is not None]
            weights = torch.cat(all_weights, dim=1) if all_weights else None
        else:
            states = []
            below, one_state = self.layers[0](symbols, self._of_layer(state, 0))
            states.append(one_state)
            contexts, weights = self._look(below, source, beams)
            for i in range(1, len(self.layers)):
                below = F.dropout(below, dropout, self.training)
                below, one_state = self.layers[i](torch.cat([below, contexts], dim=2), self._of_layer(state, i))
                states.append(one_state)
            state = joined(states)
        features = torch.tanh(self.combine(torch.cat([below, contexts, symbols], dim=2)))
        return F.dropout(features, dropout, self.training), state, weights

    def _look(self, queries: Tensor, source: Source, beams: Optional["Beams"]) -> Tuple[Tensor, Optional[Tensor]]:
        if beams is None:
            return self.attention(queries, source)
        # The hypotheses of a source stand where its steps would: it need not be repeated for each.
        contexts, weights = self.attention(queries[beams.rows, 0], source)
        return contexts.flatten(0, 1)[beams.places][:, None], weights

    def _step_looking_back(
        self, symbol: Tensor, source: Source, state: DecoderState, dropout: float, beams: Optional["Beams"]
    ) -> Tuple[Any, ...]:
        context, weights = self._look(state.hidden[0][:, None], source, beams)
        below, states = torch.cat([symbol, context], dim=2), []
        for i, layer in enumerate(self.layers):
            if i:
                below = F.dropout(below, dropout, self.training)
            below, one_state = layer(below, self._of_layer(state, i))
            states.append(one_state)
        return below, context, weights, joined(states)

    @staticmethod
    def _of_layer(state: DecoderState, layer: int) -> Tuple[Tensor, Tensor]:
        return state.hidden[layer : layer + 1], state.cell[layer : layer + 1]


def joined(states: List[Tuple[Tensor, Tensor]]) -> DecoderState:
    hidden, cell = (torch.cat(column) for column in zip(*states))
    return DecoderState(hidden, cell)


class Beams(NamedTuple):
    """Where hypotheses are, which stand in the first places of the beam of each source. Only they have rows in the
    network, those of a source one after the other."""

    there: Tensor
    """Whether there is a hypothesis. *Shape:* (sources, width), of bool"""
    rows: Tensor
    """Its row; in a place without one some row, so that it has to be masked. *Shape:* (sources, width)"""
    places: Tensor
    """The place of each row, among those of all beams. *Shape:* (rows,)"""


def beams_of(there: Tensor) -> Beams:
    """Number the hypotheses.

    there (Tensor): Whether there is a hypothesis. *Shape:* (sources, width), of bool
    RETURNS (Beams): The same with the numbers of rows.
    """
    flat = there.flatten()
    return Beams(there, (flat.cumsum(0) - 1).clamp(min=0).view_as(there), torch.nonzero(flat)[:, 0])


class Outputs(NamedTuple):
    """What a search found for each source: its best outputs, complete ones before those that were cut."""

    symbols: Tensor
    """The symbols, EOS included, then padding. *Shape:* (sources, n_best, longest)"""
    lengths: Tensor
    """How many they are; 0 where there are fewer outputs. *Shape:* (sources, n_best)"""
    scores: Tensor
    """The sum of log-probabilities, divided by a power of the length; -inf where there are fewer outputs. *Shape:*
    (sources, n_best)"""
    complete: Tensor
    """Whether the output ended by itself, and not because it was too long. *Shape:* (sources, n_best)"""
    weights: Optional[Tensor]
    """Those of attention at each symbol of the best output; None without, or if not asked for. *Shape:* (sources,
    longest, longest source)"""


class Constraint(Protocol):
    """What may be written, for rows of hypotheses that are written at the same time: at first one a source. At each
    step it is asked what is allowed, told which rows go on, and then what these write."""

    def least(self) -> Tensor:
        """How many symbols a complete output has at least, EOS included. *Shape:* (rows,)"""

    def allowed(self) -> Tensor:
        """Which symbols may come next; one always may. *Shape:* (rows, n_out), of bool"""

    def take(self, rows: Tensor) -> None:
        """Go on with some rows, in this order, some perhaps more than once. *Shape:* (new rows,)"""

    def write(self, symbols: Tensor) -> None:
        """Add a symbol to each row. *Shape:* (rows,)"""


def search(
    network: Seq2Seq,
    source: Source,
    state: DecoderState,
    limits: Tensor,
    width: int = 1,
    n_best: int = 1,
    length_power: float = 1.0,
    threshold: float = math.inf,
    keep_weights: bool = False,
    constraint: Optional[Constraint] = None,
) -> Outputs:
    """Find the outputs that a beam comes across, all sources in lockstep. Each has up to `width` hypotheses; those that
    write EOS leave the beam. A source that has none left, or of which as many outputs have ended as its beam is wide,
    takes part no more. A width of 1 takes the best symbol at each step.

    network (Seq2Seq): The network.
    source (Source): The sources.
    state (DecoderState): Where the decoder starts.
    limits (Tensor): How many symbols an output may have, EOS included, if the constraint doesn't need more. *Shape:*
        (sources,)
    width (int): Hypotheses a source.
    n_best (int): How many outputs are wanted, at most `width`. There can be fewer.
    length_power (float): Scores are divided by the length to this power (Wu et al. 2016, section 7, for other ways).
    threshold (float): A candidate whose log-probability is further than this behind that of the best one of the step,
        which may be an end, is none (Freitag and Al-Onaizan 2017, "Beam Search Strategies for Neural Machine
        Translation": absolute threshold pruning).
    keep_weights (bool): Whether the weights of attention are wanted.
    constraint (Optional[Constraint]): What may be written, of a row a source; None for anything.
    RETURNS (Outputs): The outputs.
    """
    n, device = len(limits), limits.device
    if constraint is not None:
        limits = torch.maximum(limits, constraint.least())
    alive, source_now = torch.arange(n, device=device), source
    rank = torch.arange(2 * width, device=device)
    beams = beams_of((rank[:width] == 0).expand(n, -1))
    totals = torch.zeros(n, device=device)
    symbols = torch.full((n, 1), EOS, device=device)
    order = torch.zeros((n, width), dtype=torch.long, device=device)
    found = Ended(
        torch.full((n, width), NEVER, dtype=torch.double, device=device),
        torch.zeros((n, width), dtype=torch.long, device=device),
        torch.zeros((n, width), dtype=torch.long, device=device),
        torch.zeros((n, width), dtype=torch.bool, device=device),
    )
    # At most one of the continuations of a hypothesis ends.
    wanted = min(width + 1, network.n_out)
    steps: List[Step] = []
    for step in range(int(limits.max()) if n else 0):
        features, state, weights = network.decode(symbols, source_now, state, beams=beams)
        log_probs = network.output(features[:, 0]).log_softmax(1)
        if constraint is not None:
            log_probs = log_probs.masked_fill(~constraint.allowed(), NEVER)
        best, its_symbols = log_probs.topk(wanted, dim=1)
        sums = (totals[:, None] + best)[beams.rows].masked_fill(~beams.there[..., None], NEVER)
        # Twice as many as the beam is wide: no more than half of them end.
        values, which = sums.flatten(1).topk(len(rank), dim=1)
        came_from = torch.div(which, wanted, rounding_mode="floor")
        written = its_symbols[beams.rows].flatten(1).gather(1, which)
        steps.append(Step(alive, order, came_from, written, weights if keep_weights else None))
        is_last = (step + 1 >= limits[alive])[:, None]
        is_end = written == EOS
        is_near = values >= values[:, :1] - threshold
        # An end that is not among the best continuations is none yet. What is cut ranks behind all that is complete: a
        # loop is likely at every step.
        scores = values.double() / (step + 1) ** length_power - CUT * ~is_end
        ends = torch.where((is_end | is_last) & is_near & (rank < width), scores, NEVER)
        pool, chosen = torch.cat([found.scores[alive], ends], dim=1).topk(width, dim=1)
        new = Ended(ends, torch.full_like(which, step), rank.expand_as(which), is_end)
        for column, addition in zip(found, new):
            column[alive] = torch.cat([column[alive], addition], dim=1).gather(1, chosen)
        goes_on = is_near & ~(is_end | is_last | (pool[:, -1:] > NEVER))
        values, order = values.masked_fill(~goes_on, NEVER).topk(width, dim=1)
        live = torch.nonzero(values[:, 0] > NEVER)[:, 0]
        if not len(live):
            break
        values, order = values[live], order[live]
        parents = beams.rows[live].gather(1, came_from[live].gather(1, order))
        beams = beams_of(values > NEVER)
        totals, rows = values.flatten()[beams.places], parents.flatten()[beams.places]
        symbols = written[live].gather(1, order).view(-1, 1)[beams.places]
        state = state.take(rows)
        if constraint is not None:
            constraint.take(rows)
            constraint.write(symbols[:, 0])
        if len(live) < len(alive):
            source_now, alive = source_now.take(live), alive[live]
    return traced(steps, Ended(*(column[:, :n_best] for column in found)), source)


class Step(NamedTuple):
    """What a step of the search did, for the sources that took part in it."""

    alive: Tensor
    """The sources. *Shape:* (sources,)"""
    order: Tensor
    """The candidate of the step before that each hypothesis is; any in places without one. *Shape:* (sources, width)"""
    came_from: Tensor
    """The hypothesis that each candidate goes on from. *Shape:* (sources, candidates)"""
    written: Tensor
    """The symbol that it adds. *Shape:* (sources, candidates)"""
    weights: Optional[Tensor]
    """Those of attention; in places without a hypothesis, any. *Shape:* (sources, width, longest source)"""


class Ended(NamedTuple):
    """The best outputs of each source so far."""

    scores: Tensor
    """Less CUT for an output without EOS, -inf where there is none. *Shape:* (sources, outputs), of double"""
    steps: Tensor
    """When each wrote its last symbol. *Shape:* (sources, outputs)"""
    candidates: Tensor
    """Which candidate of the step that was. *Shape:* (sources, outputs)"""
    complete: Tensor
    """Whether the symbol was EOS. *Shape:* (sources, outputs)"""


def traced(steps: List[Step], found: Ended, source: Source) -> Outputs:
    """Follow outputs back from their last symbols.

    steps (List[Step]): What each step did.
    found (Ended): Where the outputs ended.
    source (Source): All sources.
    RETURNS (Outputs): The outputs.
    """
    lengths = torch.where(found.scores > NEVER, found.steps + 1, 0)
    n, n_best = lengths.shape
    longest = int(lengths.max()) if n else 0
    symbols = torch.full((n, n_best, longest), EOS, device=lengths.device)
    has_weights = bool(steps) and steps[0].weights is not None
    weights = source.states.new_zeros((n, longest, source.mask.shape[1])) if has_weights else None
    candidate = found.candidates.clone()
    for i in range(longest - 1, -1, -1):
        step = steps[i]
        its = candidate[step.alive]
        there = lengths[step.alive] > i
        hypothesis = step.came_from.gather(1, its)
        symbols[step.alive, :, i] = torch.where(there, step.written.gather(1, its), EOS)
        if weights is not None and step.weights is not None:
            its_weights = step.weights.gather(1, hypothesis[:, :1, None].expand(-1, -1, step.weights.shape[2]))[:, 0]
            weights[step.alive, i] = its_weights * there[:, :1]
        # Where the output ends only now, the candidate of this step was given from the start.
        before = step.order.gather(1, hypothesis)
        candidate[step.alive] = torch.where(there, before, its)
    scores = (found.scores + CUT * ~found.complete).float()
    complete = found.complete & (lengths > 0)
    return Outputs(symbols, lengths, torch.where(lengths > 0, scores, NEVER), complete, weights)
