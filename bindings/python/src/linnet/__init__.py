"""Linnet runs .tflite models, and makes them smaller and faster. `linnet.tflite` has a stand-in for tflite_runtime's Interpreter."""
from ._library import Error, Status, Type, lib as _lib, text as _text
from ._model import Model, OperatorTime, Session, Signature, Stats, TensorInfo
from ._operator import Operator
from ._optimize import Accuracy, Optimized, Parameter, evaluate, optimize, techniques

__version__ = _text(_lib.ln_version())

__all__ = ["Accuracy", "Error", "Model", "Operator", "OperatorTime", "Optimized", "Parameter", "Session", "Signature",
           "Stats", "Status", "TensorInfo", "Type", "cpu_tier", "evaluate", "optimize", "techniques"]


def cpu_tier() -> str:
    """The kernels in use: "generic", "avx2", ..."""
    return _text(_lib.ln_cpu_tier())
