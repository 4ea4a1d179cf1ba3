"""Linnet runs .tflite models. `linnet.tflite` has a stand-in for tflite_runtime's Interpreter."""
from ._library import Error, Status, Type, lib as _lib, text as _text
from ._model import Model, OperatorTime, Session, Signature, Stats, TensorInfo
from ._operator import Operator

__version__ = _text(_lib.ln_version())

__all__ = ["Error", "Model", "Operator", "OperatorTime", "Session", "Signature", "Stats", "Status", "TensorInfo", "Type",
           "cpu_tier"]


def cpu_tier() -> str:
    """The kernels in use: "generic", "avx2", ..."""
    return _text(_lib.ln_cpu_tier())
