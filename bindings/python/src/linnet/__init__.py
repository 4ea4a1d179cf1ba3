"""Linnet runs .tflite models, trains them, and makes them smaller and faster. `linnet.tflite` has a stand-in for
tflite_runtime's Interpreter."""
from ._builder import Builder, build
from ._library import Error, Status, Type, lib as _lib, text as _text
from ._model import Model, OperatorTime, Session, Signature, Stats, TensorInfo
from ._operator import Operator
from ._optimize import Accuracy, Optimized, Parameter, evaluate, optimize, techniques
from ._train import Trained, Trainer, TrainEvent, train, train_choices, train_options, trainable

__version__ = _text(_lib.ln_version())

__all__ = ["Accuracy", "Builder", "Error", "Model", "Operator", "OperatorTime", "Optimized", "Parameter", "Session",
           "Signature", "Stats", "Status", "TensorInfo", "TrainEvent", "Trained", "Trainer", "Type", "build", "cpu_tier",
           "evaluate", "optimize", "techniques", "train", "train_choices", "train_options",
           "trainable"]


def cpu_tier() -> str:
    """The kernels in use: "generic", "avx2", ..."""
    return _text(_lib.ln_cpu_tier())
