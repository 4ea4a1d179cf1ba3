"""What programs written for tf.lite.TFLiteConverter use, over `linnet.convert` and `linnet.optimize`."""
from __future__ import annotations

import enum
import os
import shutil
import tempfile
from typing import Any, Callable, Iterable, List, Optional, Sequence, Union

from ._convert import convert
from ._model import Model
from ._optimize import optimize

__all__ = ["OpsSet", "Optimize", "RepresentativeDataset", "TFLiteConverter", "TargetSpec"]


class Optimize(enum.Enum):
    """DEFAULT asks for 8-bit weights, with a representative dataset for 8-bit activations too. OPTIMIZE_FOR_SIZE and
    OPTIMIZE_FOR_LATENCY are the same, as in TensorFlow since 2.0."""

    OPTIMIZE_FOR_SIZE = "OPTIMIZE_FOR_SIZE"
    OPTIMIZE_FOR_LATENCY = "OPTIMIZE_FOR_LATENCY"
    DEFAULT = "DEFAULT"
    EXPERIMENTAL_SPARSITY = "EXPERIMENTAL_SPARSITY"


class OpsSet(enum.Enum):
    TFLITE_BUILTINS = "TFLITE_BUILTINS"
    SELECT_TF_OPS = "SELECT_TF_OPS"
    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 = (
        "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8")


class RepresentativeDataset:
    def __init__(self, input_gen: Callable[[], Iterable[Any]]) -> None:
        self.input_gen = input_gen


class TargetSpec:
    """`supported_ops`: members of `OpsSet`; `supported_types`: numpy.float16 (or tf.float16) keeps weights in 16 bits."""

    def __init__(self, supported_ops: Optional[Iterable[OpsSet]] = None, supported_types: Optional[Iterable[Any]] = None,
                 experimental_select_user_tf_ops: Any = None, experimental_supported_backends: Any = None) -> None:
        self.supported_ops = list(supported_ops or [OpsSet.TFLITE_BUILTINS])
        self.supported_types = list(supported_types or [])
        self.experimental_select_user_tf_ops = experimental_select_user_tf_ops
        self.experimental_supported_backends = experimental_supported_backends


def _type_name(kind: Any) -> str:
    """"float16" of a NumPy or TensorFlow type, or of its name."""
    if isinstance(kind, str):
        return kind
    name = getattr(kind, "name", None) or getattr(kind, "__name__", None)
    return str(name)


def _ops_names(ops: Iterable[Any]) -> List[str]:
    return [getattr(each, "name", str(each)) for each in ops]  # TensorFlow's own OpsSet has the same names


class TFLiteConverter:
    """tf.lite.TFLiteConverter without TensorFlow: made by one of the `from_` methods, ended by `convert()`."""

    def __init__(self, source: Any, *, signatures: Optional[Sequence[str]] = None, kind: Optional[str] = None,
                 args: Optional[Sequence[Any]] = None) -> None:
        self._source, self._signatures, self._kind, self._args = source, signatures, kind, args
        self._folder: Optional[str] = None
        self.optimizations: List[Any] = []
        self.representative_dataset: Any = None
        self.target_spec = TargetSpec()
        self.inference_input_type: Any = "float32"
        self.inference_output_type: Any = "float32"
        self.allow_custom_ops = False
        self.exclude_conversion_metadata = False
        self.experimental_new_converter = True
        self.experimental_new_quantizer = True
        self.experimental_enable_resource_variables = True
        self._experimental_disable_per_channel = False

    @classmethod
    def from_saved_model(cls, saved_model_dir: Union[str, "os.PathLike[str]"], signature_keys: Optional[Sequence[str]] = None,
                         tags: Optional[Iterable[str]] = None) -> "TFLiteConverter":
        """`tags`: taken where they are those that people save with ("serve")."""
        if tags is not None and set(tags) != {"serve"}:
            raise ValueError("a SavedModel is read by its tag \"serve\", not by %s" % ", ".join(sorted(tags)))
        if not os.path.isdir(saved_model_dir):
            raise OSError("SavedModel file does not exist at: %s" % os.fspath(saved_model_dir))
        return cls(saved_model_dir, signatures=signature_keys, kind="savedmodel")

    @classmethod
    def from_keras_model(cls, model: Any) -> "TFLiteConverter":
        """A Keras model of any version, or the path of its file."""
        return cls(model, kind="keras" if isinstance(model, (str, os.PathLike)) else None)

    @classmethod
    def from_concrete_functions(cls, funcs: Sequence[Any], trackable_obj: Any = None) -> "TFLiteConverter":
        """Saves the functions as a SavedModel with TensorFlow, of which they are."""
        import tensorflow as tf
        converter = cls(None, kind="savedmodel")
        converter._folder = tempfile.mkdtemp(prefix="linnet-")
        keys = ["serving_default"] if len(funcs) == 1 else [each.name for each in funcs]
        tf.saved_model.save(trackable_obj or tf.Module(), converter._folder, signatures=dict(zip(keys, funcs)))
        converter._source = converter._folder
        return converter

    @classmethod
    def from_file(cls, path: Union[str, "os.PathLike[str]"]) -> "TFLiteConverter":
        """Of any kind that `linnet.convert` reads; TensorFlow's own has no such method."""
        return cls(path)

    def __del__(self) -> None:
        if getattr(self, "_folder", None):
            shutil.rmtree(self._folder, ignore_errors=True)

    # ---- what is asked for ----

    def _samples(self) -> Any:
        given = self.representative_dataset
        if given is None:
            return None
        return given.input_gen if hasattr(given, "input_gen") else given

    def _recipe(self) -> Optional[dict]:
        """The stage of `linnet.optimize` that the attributes ask for; None: the model stays in floats."""
        ops, types = _ops_names(self.target_spec.supported_ops), [_type_name(t) for t in self.target_spec.supported_types]
        wants_int16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8.name in ops
        all_int8 = ops == [OpsSet.TFLITE_BUILTINS_INT8.name]
        if not self.optimizations and not all_int8 and not wants_int16:
            return None
        if "float16" in types:
            return {"quantize": "float16"}
        if self.representative_dataset is None:
            if wants_int16 or all_int8:
                raise ValueError("For full integer quantization, a `representative_dataset` must be specified.")
            return {"quantize": "dynamic"}
        recipe = {"quantize": "int16x8" if wants_int16 else "int8"}
        inputs, outputs = _type_name(self.inference_input_type), _type_name(self.inference_output_type)
        if inputs != outputs:
            raise ValueError("inference_input_type %s and inference_output_type %s: Linnet gives both one type" % (inputs, outputs))
        if inputs != "float32":
            recipe["io"] = inputs
        return recipe

    def convert(self) -> bytes:
        """The bytes of a .tflite file. Raises `linnet.Error` naming the layer or node that cannot be converted."""
        made = convert(self._source, kind=self._kind, args=self._args, signatures=self._signatures)
        recipe = self._recipe()
        if recipe is None:
            return made.bytes
        samples = self._samples()
        return optimize(Model(made.bytes), data=samples, measure=False, **recipe).bytes

