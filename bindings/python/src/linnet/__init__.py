"""Linnet runs .tflite models, makes them of what other frameworks save, trains them, and makes them smaller and faster.
`linnet.tflite` has stand-ins for tflite_runtime's Interpreter and tf.lite.TFLiteConverter."""
from ._builder import Builder, build
from ._convert import Converted, convert, convert_kinds
from ._library import Error, Status, Type, lib as _lib, text as _text
from ._model import Model, OperatorTime, Session, Signature, Stats, TensorInfo
from ._operator import Operator
from ._optimize import Accuracy, Optimized, Parameter, evaluate, optimize, techniques
from ._train import Trained, Trainer, TrainEvent, train, train_choices, train_options, trainable

__version__ = _text(_lib.ln_version())

__all__ = ["Accuracy", "Builder", "Converted", "Error", "Model", "Operator", "OperatorTime", "Optimized", "Parameter", "Session",
           "Signature", "Stats", "Status", "TensorInfo", "TrainEvent", "Trained", "Trainer", "Type", "build", "convert", "convert_kinds",
           "cpu_tier", "evaluate", "optimize", "techniques", "train", "train_choices", "train_options",
           "trainable"]


def cpu_tier() -> str:
    """The kernels in use: "generic", "avx2", ..."""
    return _text(_lib.ln_cpu_tier())
