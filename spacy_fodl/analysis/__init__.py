"""A look inside trained models: numbers first, drawings of them beside."""

from .beam import beam_drawing
from .calibration import Reliability, fit_temperature, reliability
from .decoder import decoder_steps
from .derivation import Action, Arc, Derivation, Hypothesis, derivations
from .flow import flow_drawing
from .gates import LSTMGates, lstm_gates
from .gradients import GradientFlow, gradient_flow, rnn_gradient_flow
from .occlusion import word_influence
from .plots import plot_gates, plot_gradient_flow, plot_reliability
from .sentences import sentence_similarities
from .windows import TagWindows, tag_windows

__all__ = [
    "Action",
    "Arc",
    "Derivation",
    "GradientFlow",
    "Hypothesis",
    "LSTMGates",
    "Reliability",
    "TagWindows",
    "beam_drawing",
    "decoder_steps",
    "derivations",
    "fit_temperature",
    "flow_drawing",
    "gradient_flow",
    "lstm_gates",
    "plot_gates",
    "plot_gradient_flow",
    "plot_reliability",
    "reliability",
    "rnn_gradient_flow",
    "sentence_similarities",
    "tag_windows",
    "word_influence",
]
