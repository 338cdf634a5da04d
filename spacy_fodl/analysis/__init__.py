"""A look inside trained models: numbers first, drawings of them beside."""

from .gates import LSTMGates, lstm_gates
from .gradients import GradientFlow, gradient_flow, rnn_gradient_flow
from .plots import plot_gates, plot_gradient_flow

__all__ = [
    "GradientFlow",
    "LSTMGates",
    "gradient_flow",
    "lstm_gates",
    "plot_gates",
    "plot_gradient_flow",
    "rnn_gradient_flow",
]
