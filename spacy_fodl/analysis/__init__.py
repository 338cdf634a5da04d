"""A look inside trained models: numbers first, drawings of them beside."""

from .calibration import Reliability, fit_temperature, reliability
from .derivation import Action, Arc, Derivation, Hypothesis, derivations
from .gates import LSTMGates, lstm_gates
from .gradients import GradientFlow, gradient_flow, rnn_gradient_flow
from .plots import plot_gates, plot_gradient_flow, plot_reliability
from .sentences import sentence_similarities

__all__ = [
    "Action",
    "Arc",
    "Derivation",
    "GradientFlow",
    "Hypothesis",
    "LSTMGates",
    "Reliability",
    "derivations",
    "fit_temperature",
    "gradient_flow",
    "lstm_gates",
    "plot_gates",
    "plot_gradient_flow",
    "plot_reliability",
    "reliability",
    "rnn_gradient_flow",
    "sentence_similarities",
]
